//! Which texts are identifiers, and which values a caller may send: a mistyped number is refused
//! here, before a provider is asked about somebody else.

use std::borrow::Cow;

use crate::catalogue::{ItemType, Semantic};
use crate::decimal::Decimal;
use crate::folding::fold;
use crate::moment::Moment;

/// Longest value that a caller may send, in characters: the longest item of the catalogue guide.
const VALUE_CHARS_MAX: usize = 2_000;

/// Longest number or date that a caller may send, in characters; catalogues count digits, not signs.
const NUMBER_CHARS_MAX: usize = 64;

/// Weights of the first 17 digits, GB 11643-1999.
const CN_ID_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Check characters by remainder, GB 11643-1999.
const CN_ID_CHECKS: &[u8; 11] = b"10X98765432";

/// Characters by value, GB 32100-2015: no I, O, S, V, Z.
const USCC_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Modulus and base of the weights, GB 32100-2015: weight i is 3^(i-1) mod 31.
const USCC_MODULUS: usize = 31;

/// Whether the text is a 公民身份号码 (GB 11643-1999): 18 characters, a date of birth of the calendar,
/// the right check digit. A lower-case x is accepted, the 15 digits of the old form are not.
pub fn is_cn_id18(text: &str) -> bool {
    let Some((body, check)) = split_check(text) else { return false };
    if !body.iter().all(u8::is_ascii_digit) || !text.get(6..14).is_some_and(is_birth_date) {
        return false;
    }
    let sum: u32 = body.iter().zip(CN_ID_WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    CN_ID_CHECKS.get(sum as usize % CN_ID_CHECKS.len()) == Some(&check.to_ascii_uppercase())
}

/// A day of the calendar since 1800; nobody older is on a register.
fn is_birth_date(digits: &str) -> bool {
    Moment::parse(digits).is_some_and(|birth| (1800..2200).contains(&birth.date.year()))
}

/// Whether the text is a 统一社会信用代码 (GB 32100-2015): 18 characters of its alphabet, upper case,
/// digits where the administrative division stands, the right check character.
pub fn is_uscc(text: &str) -> bool {
    let Some((body, check)) = split_check(text) else { return false };
    let value = |byte: u8| USCC_ALPHABET.iter().position(|letter| *letter == byte);
    if !body.get(2..8).is_some_and(|division| division.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    let mut weight = 1;
    let mut sum = 0;
    for byte in body {
        let Some(value) = value(*byte) else { return false };
        sum += value * weight;
        weight = weight * 3 % USCC_MODULUS;
    }
    value(check) == Some((USCC_MODULUS - sum % USCC_MODULUS) % USCC_MODULUS)
}

fn split_check(text: &str) -> Option<(&[u8], u8)> {
    let (check, body) = text.as_bytes().split_last()?;
    (body.len() == CN_ID_WEIGHTS.len()).then_some((body, *check))
}

/// Whether the text is a mobile number of the mainland: eleven digits, the first a 1.
pub(crate) fn is_mobile(text: &str) -> bool {
    text.len() == 11 && text.starts_with('1') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The one form in which a key travels, so that one person is one key however it was typed: NFKC,
/// no white space, capital letters in citizen ids and 统一社会信用代码.
pub fn normalise_key(semantic: Option<Semantic>, text: &str) -> Cow<'_, str> {
    let key = fold(text);
    let capitals = matches!(semantic, Some(Semantic::CnId18 | Semantic::Uscc));
    if capitals && key.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Cow::Owned(key.to_ascii_uppercase())
    } else {
        key
    }
}

/// Whether a caller may send this value as key or claim for an item.
///
/// Judged in the form of [`normalise_key`]. `length` is the catalogue's, in characters, and holds for
/// texts; 0 where it gives none.
pub fn has_valid_form(semantic: Option<Semantic>, kind: ItemType, length: u32, value: &str) -> bool {
    // Looked at as sent: normalising would hide a line break as white space.
    if value.chars().any(char::is_control) || value.chars().nth(VALUE_CHARS_MAX).is_some() {
        return false;
    }
    let value = normalise_key_of(semantic, kind, value);
    let chars = value.chars().count();
    if kind.is_number() || matches!(kind, ItemType::D) || semantic == Some(Semantic::BirthDate) {
        let readable =
            if kind.is_number() { Decimal::parse(&value).is_some() } else { Moment::parse(&value).is_some() };
        return readable && chars <= NUMBER_CHARS_MAX;
    }
    let fits = (1..=VALUE_CHARS_MAX).contains(&chars) && (length == 0 || chars <= length as usize);
    fits && match semantic {
        Some(Semantic::CnId18) => is_cn_id18(&value),
        Some(Semantic::Uscc) => is_uscc(&value),
        Some(Semantic::Mobile) => is_mobile(&value),
        _ => true,
    }
}

/// A date keeps its white space: it parts the day from the hour.
fn normalise_key_of(semantic: Option<Semantic>, kind: ItemType, value: &str) -> Cow<'_, str> {
    let is_date = matches!(kind, ItemType::D) || semantic == Some(Semantic::BirthDate);
    if is_date { Cow::Borrowed(value) } else { normalise_key(semantic, value) }
}

#[cfg(test)]
mod tests;
