//! Values that look like an item's and are nobody's: computed, with valid check digits, of a division
//! that was never allocated (430689) and of numbers that are never given out.

use serde_json::Value;
use sluice_domain::{Item, ItemType, Semantic, identifiers, mask};

/// Seventeen digits of a 公民身份号码 of nobody; the check digit is computed.
const CITIZEN: &str = "43068919000101000";
/// Seventeen characters of a 统一社会信用代码 of nothing.
const ORGANISATION: &str = "91430689000000000";
/// A time.
const TIME: &str = "1900-01-01 00:00:00";
/// Characters that end an identifier, of both standards.
const CHECKS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A value as a caller writes it, in a key or a claim: a text that passes the checks of the item.
pub(super) fn text(item: &Item) -> String {
    let by_type = match item.kind {
        ItemType::N | ItemType::Y | ItemType::B | ItemType::I | ItemType::F => Some("0"),
        // A time that was cut off is none; an item too short for it takes the day.
        ItemType::T if item.length == 0 || item.length as usize >= TIME.len() => Some(TIME),
        ItemType::D | ItemType::T => Some("1900-01-01"),
        ItemType::L => Some("true"),
        ItemType::C | ItemType::M | ItemType::G => None,
    };
    // The type decides the form of a number or a date, whatever it means.
    let text = by_type.map_or_else(|| by_meaning(item.semantic), str::to_owned);
    let length = if item.length == 0 || item.kind.is_number() { usize::MAX } else { item.length as usize };
    text.chars().take(length).collect()
}

fn by_meaning(semantic: Option<Semantic>) -> String {
    let text = match semantic {
        Some(Semantic::CnId18) => return with_check(CITIZEN, identifiers::is_cn_id18),
        Some(Semantic::Uscc) => return with_check(ORGANISATION, identifiers::is_uscc),
        Some(Semantic::PersonName) => "样例人",
        Some(Semantic::Mobile) => "10000000000",
        Some(Semantic::Landline) => "000-00000000",
        Some(Semantic::BankCard) => "0000000000000000",
        Some(Semantic::Address) => "样例省样例市样例县样例镇样例路1号",
        Some(Semantic::BirthDate) => "1900-01-01",
        Some(Semantic::Plate) => "湘Z00000",
        Some(Semantic::Email) => "sample@example.com",
        Some(Semantic::Money) => "0",
        Some(Semantic::CertificateNumber) => "SAMPLE-0",
        Some(Semantic::MatchCode) => "1",
        Some(Semantic::SealedFile) => "sample",
        None => "样例",
    };
    text.to_owned()
}

fn with_check(body: &str, is_valid: fn(&str) -> bool) -> String {
    let mut candidates = CHECKS.chars().map(|check| format!("{body}{check}"));
    candidates.find(|candidate| is_valid(candidate)).unwrap_or_default()
}

/// A value as an answer shows it: in clear with the JSON type of the item, or masked.
pub(super) fn shown(item: &Item, is_clear: bool) -> Value {
    let text = text(item);
    if !is_clear {
        let mut masked = String::new();
        mask::mask(item.semantic, &text, &mut masked);
        return Value::from(masked);
    }
    match item.kind {
        kind if kind.is_number() => Value::from(0),
        kind if kind.is_boolean() => Value::from(true),
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use sluice_domain::{ItemCode, Level};

    use super::*;

    const SEMANTICS: [Option<Semantic>; 15] = [
        None,
        Some(Semantic::PersonName),
        Some(Semantic::CnId18),
        Some(Semantic::Uscc),
        Some(Semantic::Mobile),
        Some(Semantic::Landline),
        Some(Semantic::BankCard),
        Some(Semantic::Address),
        Some(Semantic::BirthDate),
        Some(Semantic::Plate),
        Some(Semantic::Email),
        Some(Semantic::Money),
        Some(Semantic::CertificateNumber),
        Some(Semantic::MatchCode),
        Some(Semantic::SealedFile),
    ];
    const KINDS: [ItemType; 11] = [
        ItemType::C,
        ItemType::N,
        ItemType::Y,
        ItemType::D,
        ItemType::T,
        ItemType::L,
        ItemType::M,
        ItemType::G,
        ItemType::B,
        ItemType::I,
        ItemType::F,
    ];

    fn item(kind: ItemType, semantic: Option<Semantic>, length: u32) -> Item {
        let code = ItemCode::new("X").unwrap();
        Item { code, name: String::new(), kind, length, level: Level::L3, semantic, key: false, out: false }
    }

    #[test]
    fn every_sample_may_be_sent() {
        for kind in KINDS {
            for semantic in SEMANTICS {
                for length in [0, 18, 50] {
                    // A date's meaning needs a date, whatever the type says.
                    if semantic == Some(Semantic::BirthDate) && (kind.is_number() || kind == ItemType::L) {
                        continue;
                    }
                    // Meanings of texts do not stand in items of other types.
                    let is_text = matches!(kind, ItemType::C | ItemType::M | ItemType::G);
                    let is_checked =
                        matches!(semantic, Some(Semantic::CnId18 | Semantic::Uscc | Semantic::Mobile)) && !is_text;
                    let item = item(kind, semantic, length);
                    let sample = text(&item);
                    assert!(
                        is_checked || identifiers::has_valid_form(semantic, kind, length, &sample),
                        "{kind:?} {semantic:?} {length}: {sample}"
                    );
                }
            }
        }
    }

    #[test]
    fn samples_are_masked_by_the_rule_of_their_meaning() {
        for (semantic, expected) in [
            (Some(Semantic::PersonName), "样**"),
            (Some(Semantic::CnId18), "430***********0000"),
            (Some(Semantic::Mobile), "100****0000"),
            (Some(Semantic::BirthDate), "1900-**-**"),
            (Some(Semantic::Email), "s***@example.com"),
            (None, "**"),
        ] {
            let masked = shown(&item(ItemType::C, semantic, 0), false);
            let masked = masked.as_str().unwrap();
            // The check digit is computed, so the last place may be any.
            let cut = |text: &str| text.chars().take(text.chars().count() - 1).collect::<String>();
            assert_eq!(cut(masked), cut(expected));
        }
        assert_eq!(shown(&item(ItemType::N, None, 0), true), 0);
        assert_eq!(shown(&item(ItemType::N, Some(Semantic::Money), 0), false), "0-1000");
    }
}
