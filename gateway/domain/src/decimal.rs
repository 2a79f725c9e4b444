//! Numbers as they are written, so that comparing and masking lose no digit: `118.520` is `118.52`,
//! and 9007199254740993 is not 9007199254740992.

use crate::folding::fold;

/// Exponents beyond this are no amounts or measures; they only serve to exhaust memory.
const EXPONENT_MAX: i64 = 400;

/// A number in one canonical form: `digits` × 10^`exponent`, no leading or trailing zeros in `digits`,
/// zero being no digits at all.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads digits with an optional sign, fraction and exponent; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = fold(text);
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        if !(-EXPONENT_MAX..=EXPONENT_MAX).contains(&exponent) {
            return None;
        }
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = [whole, fraction].concat();
        if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = written.trim_end_matches('0');
        let dropped = i64::try_from(written.len() - significant.len()).ok()?;
        let digits = significant.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let exponent = exponent - i64::try_from(fraction.len()).ok()? + dropped;
        Some(Self { negative, digits, exponent })
    }

    /// The range of 1,000 that holds this number, its lower end included: `4000-5000`. `None` beyond
    /// 33 digits, where no money is.
    pub(crate) fn thousands_range(&self) -> Option<String> {
        let (whole, rest) = self.thousands()?;
        let (low, high) = match (self.negative, rest) {
            (false, _) => (whole, whole + 1),
            (true, false) => (-whole, -whole + 1),
            (true, true) => (-whole - 1, -whole),
        };
        Some(format!("{}-{}", low * 1000, high * 1000))
    }

    /// Whole thousands of the magnitude, and whether something is left over.
    fn thousands(&self) -> Option<(i128, bool)> {
        const THOUSANDS_DIGITS_MAX: usize = 30;
        let point = i64::try_from(self.digits.len()).ok()? + self.exponent - 3;
        let Ok(kept) = usize::try_from(point) else { return Some((0, !self.digits.is_empty())) };
        if kept > THOUSANDS_DIGITS_MAX && !self.digits.is_empty() {
            return None;
        }
        let whole = self.digits.bytes().chain(std::iter::repeat(b'0')).take(kept);
        let whole = whole.fold(0, |sum: i128, digit| sum * 10 + i128::from(digit - b'0'));
        Some((whole, kept < self.digits.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (a, b, equal) in [
            ("118.520", "118.52", true),
            ("1e2", "100", true),
            ("1E+2", "100.000", true),
            ("0012.0", "12", true),
            ("-0", "0.00", true),
            ("+5", "5", true),
            ("-5", "5", false),
            ("12", "１２", true),
            ("9007199254740993", "9007199254740992", false),
            ("0.1", "0.10000000000000000001", false),
            ("120e-1", "12", true),
        ] {
            let read =
                |text| Decimal::parse(text).map(|number| (number.negative, number.digits, number.exponent)).unwrap();
            assert_eq!(read(a) == read(b), equal, "{a} {b}");
        }
    }

    #[test]
    fn texts_that_are_no_number_are_not_read() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1,000",
            "12元",
            "0x10",
            "NaN",
            "1e401",
            "1e99999999999999999999",
            "--1",
            "1.2.3",
            "٣",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_range_holds_its_number_and_its_lower_end() {
        for (text, range) in [
            ("4321.50", Some("4000-5000")),
            ("0", Some("0-1000")),
            ("-0.0", Some("0-1000")),
            ("999.99", Some("0-1000")),
            ("0.004", Some("0-1000")),
            ("1000", Some("1000-2000")),
            ("2000000.00", Some("2000000-2001000")),
            ("1.5e4", Some("15000-16000")),
            ("-1", Some("-1000-0")),
            ("-4321.5", Some("-5000--4000")),
            ("-4000", Some("-4000--3000")),
            (
                "123456789012345678901234567890123",
                Some("123456789012345678901234567890000-123456789012345678901234567891000"),
            ),
            ("1e34", None),
        ] {
            assert_eq!(Decimal::parse(text).and_then(|number| number.thousands_range()).as_deref(), range, "{text}");
        }
    }
}
