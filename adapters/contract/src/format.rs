//! Values as a provider writes them, turned into the catalogue's: dates, numbers, logical values, texts.
//!
//! What does not convert is refused: a value that is not of the declared form may be anything, a citizen's
//! id among it.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use sluice_domain::{Item, ItemType};

use crate::fault::BadAnswer;
use crate::spec::{FormatSpec, NumberForm, ScalarText, SpecFault};
use crate::template::json_string;

/// Times of departmental systems without an offset are those of Asia/Shanghai.
const SHANGHAI: Offset = Offset::constant(8);

/// How the values of one item are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Format {
    trim: bool,
    nulls: Vec<Box<str>>,
    to: To,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum To {
    #[default]
    AsItIs,
    Date {
        pattern: Box<str>,
        has_time: bool,
    },
    Epoch {
        per_second: i64,
        has_time: bool,
    },
    Number(NumberForm),
    Boolean {
        truths: Vec<Box<str>>,
        falsehoods: Vec<Box<str>>,
    },
    Text,
}

/// A scalar of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<'a> {
    /// Its JSON.
    pub(crate) raw: &'a str,
    /// Its text: a string decoded, else the JSON.
    pub(crate) text: &'a str,
}

impl Format {
    /// Compiles a declared format of an item; faults have `place`.
    pub(crate) fn compile(spec: &FormatSpec, item: &Item, place: &str, faults: &mut Vec<SpecFault>) -> Self {
        let (truths, falsehoods) = (texts(&spec.true_values), texts(&spec.false_values));
        let is_boolean = !(truths.is_empty() && falsehoods.is_empty());
        let ways = [spec.date.is_some(), spec.number.is_some(), is_boolean, spec.text];
        let mut fault = |fault: String, example: &str| {
            faults.push(SpecFault::new(place, fault, format!("formats = {{ {} = {example} }}", item.code)));
        };
        if ways.iter().filter(|way| **way).count() > 1 {
            fault("a value is converted in one way".to_owned(), "{ date = \"%Y%m%d\" }");
        }
        if is_boolean
            && (truths.is_empty() || falsehoods.is_empty() || truths.iter().any(|word| falsehoods.contains(word)))
        {
            let words = "{ true_values = [\"Y\"], false_values = [\"N\"] }";
            fault("true_values and false_values belong together and have no word in common".to_owned(), words);
        }
        let is_date = matches!(item.kind, ItemType::D | ItemType::T);
        let is_text = !is_date && !item.kind.is_number() && !item.kind.is_boolean();
        let right = [is_date, item.kind.is_number(), item.kind.is_boolean(), is_text];
        if ways.iter().zip(right).any(|(way, right)| *way && !right) {
            let example = match item.kind {
                _ if is_date => "{ date = \"%Y%m%d\" }",
                kind if kind.is_number() => "{ number = \"text\" }",
                kind if kind.is_boolean() => "{ true_values = [\"Y\"], false_values = [\"N\"] }",
                _ => "{ text = true }",
            };
            fault(format!("not a format of items of type {}", item.kind.as_str()), example);
        }
        let to = match (&spec.date, spec.number) {
            (Some(pattern), _) => date(pattern, item.kind == ItemType::T, &mut fault),
            (None, Some(form)) => To::Number(form),
            (None, None) if is_boolean => To::Boolean { truths, falsehoods },
            (None, None) if spec.text => To::Text,
            (None, None) => To::AsItIs,
        };
        Self { trim: spec.trim, nulls: texts(&spec.null_values), to }
    }

    /// What XML, where every value is a text, needs for an item without a declared conversion.
    pub(crate) fn of_text(mut self, kind: ItemType) -> Self {
        if self.to == To::AsItIs && kind.is_number() {
            self.to = To::Number(NumberForm::Text);
        } else if self.to == To::AsItIs && kind.is_boolean() {
            let words = |words: [&str; 2]| words.map(Box::from).to_vec();
            self.to = To::Boolean { truths: words(["true", "1"]), falsehoods: words(["false", "0"]) };
        }
        self
    }

    /// Whether every value stays as the provider wrote it.
    pub(crate) fn is_identity(&self) -> bool {
        *self == Self::default()
    }

    /// Whether values are only trimmed or taken for null, so that a code map may follow.
    pub(crate) fn converts(&self) -> bool {
        self.to != To::AsItIs
    }

    /// The text that counts: trimmed; `None` where it stands for "no value".
    pub(crate) fn meant<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = if self.trim { text.trim() } else { text };
        (!self.nulls.iter().any(|null| **null == *text)).then_some(text)
    }

    /// Appends the JSON of the catalogue's value.
    ///
    /// # Errors
    /// `Format` when the value is not of the declared form.
    pub(crate) fn write(&self, scalar: Scalar<'_>, out: &mut String) -> Result<(), BadAnswer> {
        let is_string = scalar.raw.starts_with('"');
        let Some(text) = self.meant(scalar.text).filter(|_| scalar.raw != "null") else {
            out.push_str("null");
            return Ok(());
        };
        let is_blank = is_string && text.trim().is_empty();
        match &self.to {
            To::AsItIs if is_string && text.len() < scalar.text.len() => json_string(text, out),
            To::AsItIs => out.push_str(scalar.raw),
            To::Text => json_string(text, out),
            To::Number(_) if !is_string => out.push_str(scalar.raw),
            To::Boolean { .. } if matches!(scalar.raw, "true" | "false") => out.push_str(scalar.raw),
            To::Boolean { truths, falsehoods } => {
                let truth = truths.iter().any(|word| **word == *text);
                match truth || falsehoods.iter().any(|word| **word == *text) {
                    true => out.push_str(if truth { "true" } else { "false" }),
                    false if is_blank => out.push_str("null"),
                    false => return Err(BadAnswer::Format),
                }
            }
            _ if is_blank => out.push_str("null"),
            To::Number(form) => number(text.trim(), *form, out).ok_or(BadAnswer::Format)?,
            To::Date { pattern, has_time } => {
                let written = moment(pattern, text.trim(), *has_time).ok_or(BadAnswer::Format)?;
                json_string(&written, out);
            }
            To::Epoch { per_second, has_time } => {
                let written = epoch(text.trim(), *per_second, *has_time).ok_or(BadAnswer::Format)?;
                json_string(&written, out);
            }
        }
        Ok(())
    }
}

fn texts(list: &[ScalarText]) -> Vec<Box<str>> {
    list.iter().map(|ScalarText(text)| text.as_str().into()).collect()
}

fn date(pattern: &str, has_time: bool, fault: &mut dyn FnMut(String, &str)) -> To {
    match pattern {
        "epoch_s" => To::Epoch { per_second: 1, has_time },
        "epoch_ms" => To::Epoch { per_second: 1_000, has_time },
        _ => {
            // A pattern that cannot read what it wrote itself reads nothing.
            let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::fixed(SHANGHAI));
            let written = strtime::format(pattern, &sample).ok();
            if written.and_then(|text| moment(pattern, &text, has_time)).is_none() {
                let why = "not a pattern of a date: it needs year, month and day";
                fault(why.to_owned(), "{ date = \"%Y-%m-%d %H:%M:%S\" }");
            }
            To::Date { pattern: pattern.into(), has_time }
        }
    }
}

/// A date or time in the catalogue's form.
fn moment(pattern: &str, text: &str, has_time: bool) -> Option<String> {
    let parsed = strtime::parse(pattern, text).ok()?;
    let date = parsed.to_date().ok()?;
    if parsed.hour().is_none() {
        return Some(civil(date));
    }
    let written = DateTime::from_parts(date, parsed.to_time().ok()?);
    let local = match parsed.offset() {
        Some(offset) => SHANGHAI.to_datetime(offset.to_timestamp(written).ok()?),
        None => written,
    };
    Some(if has_time { with_time(local) } else { civil(local.date()) })
}

fn epoch(text: &str, per_second: i64, has_time: bool) -> Option<String> {
    let count: i64 = text.parse().ok()?;
    let milliseconds = count.checked_mul(1_000 / per_second)?;
    let moment = Timestamp::from_duration(SignedDuration::from_millis(milliseconds)).ok()?;
    let local = SHANGHAI.to_datetime(moment);
    Some(if has_time { with_time(local) } else { civil(local.date()) })
}

fn civil(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

fn with_time(local: DateTime) -> String {
    let time: Time = local.time();
    format!("{}T{:02}:{:02}:{:02}+08:00", civil(local.date()), time.hour(), time.minute(), time.second())
}

/// Appends the JSON of a decimal number; `None` for any other text.
fn number(text: &str, form: NumberForm, out: &mut String) -> Option<()> {
    let (group, point) = match form {
        NumberForm::Text => (None, '.'),
        NumberForm::Comma => (Some(','), '.'),
        NumberForm::DecimalComma => (Some('.'), ','),
    };
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = text.split_once(point).map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut digits = String::with_capacity(text.len());
    match group.filter(|mark| whole.contains(*mark)) {
        Some(mark) => {
            for (nth, part) in whole.split(mark).enumerate() {
                let fits = if nth == 0 { (1..=3).contains(&part.len()) } else { part.len() == 3 };
                if !fits {
                    return None;
                }
                digits.push_str(part);
            }
        }
        None => digits.push_str(whole),
    }
    // `.5` is how some databases write one half.
    let is_number = are_digits(&digits)
        && fraction.is_none_or(|fraction| !fraction.is_empty() && are_digits(fraction))
        && !(digits.is_empty() && fraction.is_none());
    if !is_number {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if is_negative {
        out.push('-');
    }
    out.push_str(if significant.is_empty() { "0" } else { significant });
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use sluice_domain::{ItemCode, Level};

    use super::*;

    fn item(kind: ItemType) -> Item {
        Item {
            code: ItemCode::new("X").unwrap(),
            name: String::new(),
            kind,
            length: 0,
            level: Level::L1,
            semantic: None,
            key: false,
            out: false,
        }
    }

    fn compile(kind: ItemType, toml: &str) -> (Format, Vec<SpecFault>) {
        let mut faults = Vec::new();
        let format = Format::compile(&toml::from_str(toml).unwrap(), &item(kind), "formats.X", &mut faults);
        (format, faults)
    }

    fn written(kind: ItemType, toml: &str, raw: &str) -> Result<String, BadAnswer> {
        let (format, faults) = compile(kind, toml);
        assert_eq!(faults, vec![], "{toml}");
        let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        let mut out = String::new();
        format.write(Scalar { raw, text }, &mut out).map(|()| out)
    }

    #[test]
    fn values_of_the_declared_form_become_the_catalogues() {
        const BOOL: &str = "true_values = ['Y', 1]\nfalse_values = ['N', 0]";
        for (kind, toml, raw, expected) in [
            (ItemType::D, "date = '%Y%m%d'", "\"20260808\"", "\"2026-08-08\""),
            (ItemType::D, "date = '%Y%m%d'", "20260808", "\"2026-08-08\""),
            (ItemType::D, "date = '%Y%m%d'", "\"\"", "null"),
            (ItemType::D, "date = '%Y%m%d'", "null", "null"),
            (ItemType::D, "date = '%d.%m.%Y'", "\"8.8.2026\"", "\"2026-08-08\""),
            (ItemType::D, "date = '%Y年%m月%d日'", "\"2026年8月8日\"", "\"2026-08-08\""),
            (ItemType::D, "date = '%Y-%m-%dT%H:%M:%S%z'", "\"2026-08-07T16:00:00+0000\"", "\"2026-08-08\""),
            (ItemType::D, "date = 'epoch_s'", "1786118400", "\"2026-08-08\""),
            (ItemType::T, "date = 'epoch_ms'", "\"1786118400000\"", "\"2026-08-08T00:00:00+08:00\""),
            (ItemType::T, "date = '%Y%m%d%H%M%S'", "\"20260808093005\"", "\"2026-08-08T09:30:05+08:00\""),
            (ItemType::T, "date = '%Y%m%d'", "\"20260808\"", "\"2026-08-08\""),
            (ItemType::N, "number = 'text'", "\" -012.50 \"", "-12.50"),
            (ItemType::N, "number = 'text'", "1e2", "1e2"),
            (ItemType::N, "number = 'text'", "\".5\"", "0.5"),
            (ItemType::N, "number = 'text'", "\"+000\"", "0"),
            (ItemType::Y, "number = 'comma'", "\"1,234,567.80\"", "1234567.80"),
            (ItemType::Y, "number = 'comma'", "\"1234.5\"", "1234.5"),
            (ItemType::Y, "number = 'decimal_comma'", "\"-1.234,50\"", "-1234.50"),
            (ItemType::Y, "number = 'comma'\nnull_values = ['-']", "\"-\"", "null"),
            (ItemType::L, BOOL, "\"Y\"", "true"),
            (ItemType::L, BOOL, "0", "false"),
            (ItemType::L, BOOL, "true", "true"),
            (ItemType::L, BOOL, "\"\"", "null"),
            (ItemType::C, "text = true", "430689198503120011", "\"430689198503120011\""),
            (ItemType::C, "text = true", "\"a\"", "\"a\""),
            (ItemType::C, "trim = true", "\" 张\u{3000}\"", "\"张\""),
            (ItemType::C, "trim = true", "\"张\"", "\"张\""),
            (ItemType::C, "null_values = ['无']", "\"无\"", "null"),
        ] {
            assert_eq!(written(kind, toml, raw).as_deref(), Ok(expected), "{toml} {raw}");
        }
    }

    #[test]
    fn values_of_another_form_are_refused() {
        for (kind, toml, raw) in [
            (ItemType::D, "date = '%Y%m%d'", "\"2026-08-08\""),
            (ItemType::D, "date = '%Y%m%d'", "\"20260230\""),
            (ItemType::D, "date = '%Y%m%d'", "\"202608081\""),
            (ItemType::D, "date = 'epoch_s'", "1.5"),
            (ItemType::D, "date = 'epoch_s'", "99999999999999"),
            (ItemType::N, "number = 'text'", "\"1,000\""),
            (ItemType::N, "number = 'text'", "\"5.\""),
            (ItemType::N, "number = 'text'", "\"-\""),
            (ItemType::N, "number = 'text'", "\"1e3\""),
            (ItemType::N, "number = 'text'", "\"１２\""),
            (ItemType::Y, "number = 'comma'", "\"12,34\""),
            (ItemType::Y, "number = 'comma'", "\",123\""),
            (ItemType::Y, "number = 'comma'", "\"1.234,50\""),
            (ItemType::L, "true_values = ['Y']\nfalse_values = ['N']", "\"y\""),
            (ItemType::L, "true_values = ['Y']\nfalse_values = ['N']", "1"),
        ] {
            assert_eq!(written(kind, toml, raw), Err(BadAnswer::Format), "{toml} {raw}");
        }
    }

    #[test]
    fn formats_that_make_no_sense_are_explained() {
        for (kind, toml) in [
            (ItemType::D, "date = '%Y%Q'"),
            (ItemType::D, "date = '%H:%M'"),
            (ItemType::D, "date = ''"),
            (ItemType::C, "date = '%Y%m%d'"),
            (ItemType::C, "number = 'text'"),
            (ItemType::N, "text = true"),
            (ItemType::L, "true_values = ['Y']"),
            (ItemType::L, "true_values = ['Y']\nfalse_values = ['Y']"),
            (ItemType::D, "date = '%Y%m%d'\nnumber = 'text'"),
        ] {
            assert!(!compile(kind, toml).1.is_empty(), "{toml}");
        }
    }
}
