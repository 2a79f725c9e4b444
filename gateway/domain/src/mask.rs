//! What is left of a value that a party may not see in clear.
//!
//! Fails closed: a value that is not what its item says becomes one `*` per character, because a
//! rule for names would show the first digit of a number that stands in the wrong column.

use crate::catalogue::Semantic;
use crate::decimal::Decimal;
use crate::folding::{fold, is_blank, nfkc};
use crate::identifiers::{is_cn_id18, is_mobile};
use crate::moment::Moment;

/// Appends the masked form of a value: decoded text, or the digits of a number.
///
/// Never the value itself, unless it is empty or nothing but `*`. Full-width forms are read as the
/// usual ones.
pub fn mask(semantic: Option<Semantic>, value: &str, out: &mut String) {
    let start = out.len();
    let parsed = match semantic {
        Some(Semantic::PersonName) => person_name(value, out),
        Some(Semantic::CnId18) => cn_id18(value, out),
        Some(Semantic::Mobile) => mobile(value, out),
        Some(Semantic::Landline) => landline(value, out),
        Some(Semantic::BankCard) => bank_card(value, out),
        Some(Semantic::Address) => address(value, out),
        Some(Semantic::BirthDate) => birth_date(value, out),
        Some(Semantic::Plate) => plate(value, out),
        Some(Semantic::Email) => email(value, out),
        Some(Semantic::Money) => money(value, out),
        // No part of these is known to be harmless.
        Some(Semantic::Uscc | Semantic::CertificateNumber | Semantic::MatchCode | Semantic::SealedFile) | None => None,
    };
    if parsed.is_none() {
        out.truncate(start);
        stars(value.chars().count(), out);
    }
}

fn stars(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n('*', count));
}

/// Keeps `first` and `last` characters of a text of ASCII.
fn keep_ends(text: &str, first: usize, last: usize, out: &mut String) -> Option<()> {
    let hidden = text.len().checked_sub(first + last)?;
    out.push_str(text.get(..first)?);
    stars(hidden, out);
    out.push_str(text.get(first + hidden..)?);
    Some(())
}

/// The first character; a name of one character is hidden whole.
fn person_name(value: &str, out: &mut String) -> Option<()> {
    let name = nfkc(value);
    let mut chars = name.trim_matches(is_blank).chars();
    let first = chars.next()?;
    let hidden = chars.count();
    if hidden == 0 {
        return None;
    }
    out.push(first);
    stars(hidden, out);
    Some(())
}

/// The first three and the last four: more would leave a handful of possible birth dates.
fn cn_id18(value: &str, out: &mut String) -> Option<()> {
    let id = fold(value).to_ascii_uppercase();
    is_cn_id18(&id).then(|| keep_ends(&id, 3, 4, out))?
}

fn mobile(value: &str, out: &mut String) -> Option<()> {
    let number = fold(value);
    is_mobile(&number).then(|| keep_ends(&number, 3, 4, out))?
}

/// Area code and the last four digits.
fn landline(value: &str, out: &mut String) -> Option<()> {
    let number = fold(value);
    let (area, local) = match number.split_once('-') {
        Some((area, local)) => (area, local),
        None if number.starts_with('0') => number.split_at_checked(area_code_len(&number))?,
        None => ("", number.as_ref()),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let area_is_valid = area.is_empty() || (area.starts_with('0') && area.len() == area_code_len(area));
    if !area_is_valid || !is_digits(area) || !is_digits(local) || !(7..=8).contains(&local.len()) {
        return None;
    }
    out.push_str(area);
    if number.contains('-') {
        out.push('-');
    }
    keep_ends(local, 0, 4, out)
}

/// 010 and 02x are the three-digit area codes.
fn area_code_len(number: &str) -> usize {
    if number.starts_with("01") || number.starts_with("02") { 3 } else { 4 }
}

/// The last four of 12 to 19 digits (GB/T 14504 card numbers and the accounts behind them).
fn bank_card(value: &str, out: &mut String) -> Option<()> {
    let mut number = fold(value).into_owned();
    number.retain(|c| c != '-');
    if !(12..=19).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    keep_ends(&number, 0, 4, out)
}

/// Up to the first township (镇, 乡, 街道).
fn address(value: &str, out: &mut String) -> Option<()> {
    let address = nfkc(value);
    let address = address.trim_matches(is_blank);
    let kept = address.get(..township_end(address)?)?;
    // A number before the township is a house's: this is no address in the usual order.
    if kept.contains(|c: char| c.is_ascii_digit() || c == '号') {
        return None;
    }
    out.push_str(kept);
    stars(4, out);
    Some(())
}

/// Where the first township's name ends. 镇 and 乡 that begin a name (镇江市, 乡宁县) or stand before
/// 市, 县, 区 (宁乡市) belong to a higher division.
fn township_end(address: &str) -> Option<usize> {
    let mut before = None;
    for (at, c) in address.char_indices() {
        let suffix = match c {
            '镇' | '乡' => c.len_utf8(),
            '街' if address.get(at..)?.starts_with("街道") => "街道".len(),
            _ => 0,
        };
        let begins_name =
            before.is_none_or(|c: char| matches!(c, '省' | '市' | '县' | '区' | '州' | '盟' | '旗') || is_blank(c));
        let after = address.get(at + suffix..)?.chars().next();
        if suffix > 0 && !begins_name && !matches!(after, Some('市' | '县' | '区')) {
            return Some(at + suffix);
        }
        before = Some(c);
    }
    None
}

/// The year.
fn birth_date(value: &str, out: &mut String) -> Option<()> {
    let birth = Moment::parse(value)?;
    out.push_str(&birth.date.year().to_string());
    out.push_str("-**-**");
    Some(())
}

/// Province, city letter and the last two.
fn plate(value: &str, out: &mut String) -> Option<()> {
    let mut plate = fold(value).to_ascii_uppercase();
    plate.retain(|c| !matches!(c, '·' | '•' | '.' | '-'));
    let chars: Vec<char> = plate.chars().collect();
    let (province, city, serial) = match chars.as_slice() {
        [province, city, serial @ ..] => (*province, *city, serial),
        _ => return None,
    };
    let is_serial = |(at, c): (usize, &char)| {
        let is_last = at + 1 == serial.len();
        c.is_ascii_alphanumeric() || (is_last && "挂学警港澳领使试超".contains(*c))
    };
    let is_plate = is_ideograph(province)
        && city.is_ascii_uppercase()
        && (5..=6).contains(&serial.len())
        && serial.iter().enumerate().all(is_serial);
    if !is_plate {
        return None;
    }
    let shown = serial.len() - 2;
    out.extend([province, city]);
    stars(shown, out);
    out.extend(serial.iter().skip(shown));
    Some(())
}

fn is_ideograph(c: char) -> bool {
    ('\u{4E00}'..='\u{9FFF}').contains(&c)
}

/// The first character of the mailbox, always three stars so that its length is not told, the domain.
fn email(value: &str, out: &mut String) -> Option<()> {
    let email = fold(value);
    let (mailbox, domain) = email.split_once('@')?;
    let is_domain = domain.contains('.')
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    if !is_domain {
        return None;
    }
    let mut chars = mailbox.chars();
    let first = chars.next()?;
    // Of a mailbox of one character nothing is shown.
    if chars.next().is_some() {
        out.push(first);
    }
    out.push_str("***@");
    out.push_str(domain);
    Some(())
}

fn money(value: &str, out: &mut String) -> Option<()> {
    out.push_str(&Decimal::parse(value)?.thousands_range()?);
    Some(())
}

#[cfg(test)]
mod tests;
