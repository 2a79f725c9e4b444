//! Who a record is about, in the one form from which the ledger makes its keyed pseudonym: the same
//! person must give the same bytes from every system and every keyboard.

use crate::catalogue::Semantic;
use crate::folding::fold;

/// Kinds of identifiers that name a subject. The numbers are stored in the ledger and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SubjectType {
    /// 公民身份号码.
    CitizenId = 1,
    /// 手机 or 座机.
    Phone = 2,
    /// 银行卡号.
    Account = 3,
    /// 证件号码 other than the citizen id.
    Certificate = 4,
}

impl SubjectType {
    /// The kind that an item's meaning stands for; `None` where it names nobody.
    pub fn of(semantic: Option<Semantic>) -> Option<Self> {
        match semantic? {
            Semantic::CnId18 => Some(Self::CitizenId),
            Semantic::Mobile | Semantic::Landline => Some(Self::Phone),
            Semantic::BankCard => Some(Self::Account),
            Semantic::CertificateNumber => Some(Self::Certificate),
            Semantic::PersonName
            | Semantic::Uscc
            | Semantic::Address
            | Semantic::BirthDate
            | Semantic::Plate
            | Semantic::Email
            | Semantic::Money
            | Semantic::MatchCode
            | Semantic::SealedFile => None,
        }
    }
}

/// Appends the identifier in its one form: NFKC, no white space, capital letters; no dashes, except
/// in a certificate number, where they are part of it and are written `-`; no brackets and no country
/// code of the mainland in a phone number. Normalising twice changes nothing.
pub fn normalise(kind: SubjectType, id: &str, out: &mut String) {
    let folded = fold(id);
    let start = out.len();
    let forms = folded.chars().filter_map(|c| match (kind, c) {
        (SubjectType::Certificate, c) if is_dash(c) => Some('-'),
        (_, c) if is_dash(c) => None,
        (SubjectType::Phone, '(' | ')') => None,
        (_, c) => Some(c.to_ascii_uppercase()),
    });
    out.extend(forms);
    if kind == SubjectType::Phone {
        while let Some(code) = country_code(out.get(start..).unwrap_or_default()) {
            out.replace_range(start..start + code.len(), "");
        }
    }
}

fn country_code(number: &str) -> Option<&'static str> {
    ["+86", "0086"].into_iter().find(|code| number.starts_with(code) && number.len() > code.len())
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}')
}

#[cfg(test)]
mod tests;
