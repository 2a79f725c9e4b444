//! Planned outages of a provider: times in which it is not asked, and callers are told when it serves again.
//!
//! Pure: the time is an argument. Hours of the day are those of Asia/Shanghai, which has one offset.

use jiff::Timestamp;

use crate::spec::{OutageSpec, SpecFault};

/// Offset of Asia/Shanghai in seconds.
const SHANGHAI_OFFSET_S: i64 = 8 * 3_600;
const DAY_S: i64 = 86_400;

/// Most windows of one binding.
const WINDOWS_MAX: usize = 64;

/// Times in which a provider is known not to serve.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outages(Vec<Window>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    /// Unix seconds; the end is not included.
    Once { from_s: i64, until_s: i64 },
    /// Seconds of the day; an end before the beginning is that of the next day.
    Daily { from_s: i64, until_s: i64 },
}

impl Window {
    /// The end of the window, if the moment lies in it.
    fn end(self, now_s: i64) -> Option<i64> {
        match self {
            Self::Once { from_s, until_s } => (from_s..until_s).contains(&now_s).then_some(until_s),
            Self::Daily { from_s, until_s } => {
                let second = (now_s + SHANGHAI_OFFSET_S).rem_euclid(DAY_S);
                let midnight_s = now_s - second;
                match from_s < until_s {
                    true => (from_s..until_s).contains(&second).then_some(midnight_s + until_s),
                    false if second >= from_s => Some(midnight_s + DAY_S + until_s),
                    false => (second < until_s).then_some(midnight_s + until_s),
                }
            }
        }
    }
}

impl Outages {
    /// Reads the declared windows.
    ///
    /// # Errors
    /// Every window that is none, with its place within the binding.
    pub fn compile(specs: &[OutageSpec]) -> Result<Self, Vec<SpecFault>> {
        let mut faults = Vec::new();
        if specs.len() > WINDOWS_MAX {
            let fault = format!("at most {WINDOWS_MAX} windows");
            faults.push(SpecFault::new("outages", fault, "outages = [{ daily = \"00:30-02:00\" }]"));
        }
        let compile = |(nth, spec): (usize, &OutageSpec)| {
            window(spec).map_err(|(key, fault)| faults.push(fault_at(nth, key, fault))).ok()
        };
        let windows = specs.iter().enumerate().filter_map(compile).collect();
        if faults.is_empty() { Ok(Self(windows)) } else { Err(faults) }
    }

    /// When the provider serves again (Unix seconds), if it does not serve at this moment; windows that
    /// touch count as one.
    pub fn at(&self, now_s: i64) -> Option<i64> {
        let mut until_s = now_s;
        // Windows that cover every hour of the day would never end.
        for _ in 0..=self.0.len() {
            match self.0.iter().find_map(|window| window.end(until_s)) {
                Some(end) => until_s = end,
                None => break,
            }
        }
        (until_s > now_s).then_some(until_s)
    }
}

fn fault_at(nth: usize, key: &str, fault: &'static str) -> SpecFault {
    let place = if key.is_empty() { format!("outages.{nth}") } else { format!("outages.{nth}.{key}") };
    let example = match key {
        "daily" => "daily = \"00:30-02:00\"",
        "from" => "from = \"2026-12-01T22:00:00+08:00\"",
        "until" => "until = \"2026-12-02T06:00:00+08:00\"",
        _ => "{ from = \"2026-12-01T22:00:00+08:00\", until = \"2026-12-02T06:00:00+08:00\", reason = \"升级\" }",
    };
    SpecFault::new(place, fault, example)
}

fn window(spec: &OutageSpec) -> Result<Window, (&'static str, &'static str)> {
    match (&spec.from, &spec.until, &spec.daily) {
        (Some(from), Some(until), None) => {
            let second = |key, text: &str| match text.parse::<Timestamp>() {
                Ok(moment) => Ok(moment.as_second()),
                Err(_) => Err((key, "not a time with an offset")),
            };
            let (from_s, until_s) = (second("from", from)?, second("until", until)?);
            if until_s <= from_s {
                return Err(("until", "the end is not after the beginning"));
            }
            Ok(Window::Once { from_s, until_s })
        }
        (None, None, Some(hours)) => {
            let (from, until) = hours.split_once('-').ok_or(("daily", "not two times of the day"))?;
            let second = |text| second_of_day(text).ok_or(("daily", "not two times of the day"));
            let (from_s, until_s) = (second(from)?, second(until)?);
            if from_s == until_s {
                return Err(("daily", "the end is the beginning"));
            }
            Ok(Window::Daily { from_s, until_s })
        }
        _ => Err(("", "an outage has from and until, or daily")),
    }
}

fn second_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |part: &str| (part.len() == 2).then(|| part.parse::<u8>().ok()).flatten().map(i64::from);
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some((hour * 60 + minute) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn outages(rows: &[(&str, &str)]) -> Outages {
        let spec = |(from, until): &(&str, &str)| match *until {
            "" => OutageSpec { daily: Some((*from).to_owned()), ..OutageSpec::default() },
            until => {
                OutageSpec { from: Some((*from).to_owned()), until: Some(until.to_owned()), ..OutageSpec::default() }
            }
        };
        Outages::compile(&rows.iter().map(spec).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn an_outage_lasts_from_its_beginning_to_before_its_end() {
        let once = [("2026-12-01T22:00:00+08:00", "2026-12-02T06:00:00+08:00")];
        let night = [("00:30-02:00", "")];
        let over_midnight = [("23:00-01:00", "")];
        let touching = [("00:30-02:00", ""), ("2026-12-02T02:00:00+08:00", "2026-12-02T03:00:00+08:00")];
        for (rows, now, until) in [
            (&once[..], "2026-12-01T13:59:59Z", None),
            (&once, "2026-12-01T14:00:00Z", Some("2026-12-02T06:00:00+08:00")),
            (&once, "2026-12-02T05:59:59+08:00", Some("2026-12-02T06:00:00+08:00")),
            (&once, "2026-12-02T06:00:00+08:00", None),
            (&night, "2026-12-02T00:29:59+08:00", None),
            (&night, "2026-12-02T00:30:00+08:00", Some("2026-12-02T02:00:00+08:00")),
            (&night, "2026-12-02T02:00:00+08:00", None),
            (&over_midnight, "2026-12-01T23:30:00+08:00", Some("2026-12-02T01:00:00+08:00")),
            (&over_midnight, "2026-12-02T00:30:00+08:00", Some("2026-12-02T01:00:00+08:00")),
            (&over_midnight, "2026-12-02T12:00:00+08:00", None),
            (&touching, "2026-12-02T01:00:00+08:00", Some("2026-12-02T03:00:00+08:00")),
            (&[], "2026-12-02T01:00:00+08:00", None),
        ] {
            assert_eq!(outages(rows).at(second(now)), until.map(second), "{rows:?} {now}");
        }
        let always = outages(&[("00:00-12:00", ""), ("12:00-00:00", "")]);
        assert!(always.at(0).is_some(), "windows without an end between them still answer");
    }

    #[test]
    fn what_is_no_outage_is_explained() {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (from, until, daily, place) in [
            ("", "", "", "outages.0"),
            ("2026-12-01T22:00:00+08:00", "", "", "outages.0"),
            ("2026-12-01T22:00:00", "2026-12-02T22:00:00+08:00", "", "outages.0.from"),
            ("2026-12-02T22:00:00+08:00", "2026-12-02T22:00:00+08:00", "", "outages.0.until"),
            ("", "", "0:30-2:00", "outages.0.daily"),
            ("", "", "24:00-02:00", "outages.0.daily"),
            ("", "", "02:00-02:00", "outages.0.daily"),
        ] {
            let spec = OutageSpec { from: text(from), until: text(until), daily: text(daily), reason: String::new() };
            let faults = Outages::compile(&[spec]).unwrap_err();
            assert_eq!(faults.first().map(|fault| fault.place.as_str()), Some(place), "{from} {until} {daily}");
        }
    }
}
