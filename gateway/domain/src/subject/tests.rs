use proptest::prelude::*;

use super::*;

const KINDS: [SubjectType; 4] =
    [SubjectType::CitizenId, SubjectType::Phone, SubjectType::Account, SubjectType::Certificate];

fn normal(kind: SubjectType, id: &str) -> String {
    let mut out = String::from("|");
    normalise(kind, id, &mut out);
    out.strip_prefix('|').unwrap().to_owned()
}

#[test]
fn one_subject_has_one_form() {
    for (kind, id, form) in [
        (SubjectType::CitizenId, "11010519491231002x", "11010519491231002X"),
        (SubjectType::CitizenId, " １１０１０５ 19491231-002Ｘ", "11010519491231002X"),
        (SubjectType::Phone, "+86 138-0013-8000", "13800138000"),
        (SubjectType::Phone, "008613800138000", "13800138000"),
        (SubjectType::Phone, "(0730)372—1234", "07303721234"),
        (SubjectType::Phone, "+86", "+86"),
        (SubjectType::Account, "6229 9900-0000 0000019", "6229990000000000019"),
        (SubjectType::Certificate, "yyzz–030143 ", "YYZZ-030143"),
        (SubjectType::Certificate, "湘(2018)第1号", "湘(2018)第1号"),
    ] {
        assert_eq!(normal(kind, id), form, "{id}");
    }
}

#[test]
fn numbers_of_the_kinds_never_change() {
    assert_eq!(KINDS.map(|kind| kind as u8), [1, 2, 3, 4]);
    for (semantic, kind) in [
        (Some(Semantic::CnId18), Some(SubjectType::CitizenId)),
        (Some(Semantic::Mobile), Some(SubjectType::Phone)),
        (Some(Semantic::Landline), Some(SubjectType::Phone)),
        (Some(Semantic::BankCard), Some(SubjectType::Account)),
        (Some(Semantic::CertificateNumber), Some(SubjectType::Certificate)),
        (Some(Semantic::PersonName), None),
        (Some(Semantic::Uscc), None),
        (None, None),
    ] {
        assert_eq!(SubjectType::of(semantic), kind, "{semantic:?}");
    }
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(id in any::<String>(), kind in proptest::sample::select(&KINDS[..])) {
        let once = normal(kind, &id);
        prop_assert_eq!(normal(kind, &once), once);
    }

    #[test]
    fn spaces_and_width_make_no_other_subject(digits in "[0-9]{17}[0-9x]", kind in proptest::sample::select(&KINDS[..])) {
        let wide: String = digits.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).unwrap()).flat_map(|c| [c, '\u{3000}']).collect();
        prop_assert_eq!(normal(kind, &wide), normal(kind, &digits));
    }
}
