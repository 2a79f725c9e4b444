//! Decimal digits without `fmt` or allocation: records and headers hold numbers on the way of every call.

/// Digits of the largest number.
const DIGITS: usize = 20;

/// Room for any number.
pub(crate) const fn decimal_buffer() -> [u8; DIGITS] {
    [0; DIGITS]
}

/// The digits of `number`, at the end of `buffer`.
pub(crate) fn decimal(buffer: &mut [u8; DIGITS], number: u64) -> &str {
    let mut at = buffer.len();
    let mut rest = number;
    for place in buffer.iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        at -= 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    buffer.get(at..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(decimal(&mut decimal_buffer(), number), number.to_string());
        }
    }
}
