use proptest::prelude::*;

use super::*;

const SEMANTICS: [Option<Semantic>; 6] = [
    None,
    Some(Semantic::PersonName),
    Some(Semantic::CnId18),
    Some(Semantic::Uscc),
    Some(Semantic::Mobile),
    Some(Semantic::CertificateNumber),
];

#[test]
fn citizen_ids_need_form_date_and_check_digit() {
    for (text, valid) in [
        ("11010519491231002X", true), // printed in GB 11643
        ("11010519491231002x", true),
        ("430689198503120011", true),
        ("430689200002290143", true),
        ("430689198503120012", false),
        ("430689198513120011", false),
        ("430689190002290143", false),
        ("110105491231002", false),
        ("11010519491231002Y", false),
        ("1101051949123100２X", false),
        ("", false),
        ("X", false),
        ("张三丰张三丰", false),
        (" 11010519491231002X", false),
    ] {
        assert_eq!(is_cn_id18(text), valid, "{text}");
    }
}

#[test]
fn social_credit_codes_need_alphabet_and_check_character() {
    for (text, valid) in [
        ("91350100M000100Y43", true), // printed in GB 32100
        ("11430689T0000001X2", true),
        ("91430689C00003022X", true),
        ("91350100M000100Y44", false),
        ("91350100m000100y43", false),
        ("9135O100M000100Y43", false),
        ("AB350100M000100Y4", false),
        ("", false),
    ] {
        assert_eq!(is_uscc(text), valid, "{text}");
    }
}

#[test]
fn one_person_is_one_key_however_it_was_typed() {
    for (semantic, typed, key) in [
        (Some(Semantic::CnId18), "11010519491231002x", "11010519491231002X"),
        (Some(Semantic::CnId18), "１１０１０５ 19491231 ００２ｘ", "11010519491231002X"),
        (Some(Semantic::CnId18), "\u{FEFF}11010519491231002X\u{3000}", "11010519491231002X"),
        (Some(Semantic::Uscc), "91350100m000100y43", "91350100M000100Y43"),
        (Some(Semantic::CertificateNumber), "yyzz-03 0143", "yyzz-030143"),
        (None, "Ｈ Ｈ-0012", "HH-0012"),
    ] {
        assert_eq!(normalise_key(semantic, typed), key, "{typed}");
    }
    assert!(
        matches!(normalise_key(Some(Semantic::CnId18), "430689198503120011"), Cow::Borrowed(_)),
        "the usual form costs nothing"
    );
}

#[test]
fn values_that_callers_may_send_follow_their_item() {
    let long = "字".repeat(2_000);
    let too_long = "字".repeat(2_001);
    for (semantic, kind, length, value, valid) in [
        (Some(Semantic::CnId18), ItemType::C, 18, "43068919900607002x", true),
        (Some(Semantic::CnId18), ItemType::C, 18, "430689 19900607 002x", true),
        (Some(Semantic::CnId18), ItemType::C, 18, "430689199006070020", false),
        (Some(Semantic::CnId18), ItemType::C, 0, "", false),
        (Some(Semantic::Uscc), ItemType::C, 18, "91350100m000100y43", true),
        (Some(Semantic::Uscc), ItemType::C, 18, "91350100M000100Y44", false),
        (Some(Semantic::Mobile), ItemType::C, 11, "138 0013 8000", true),
        (Some(Semantic::Mobile), ItemType::C, 11, "1380013800", false),
        (Some(Semantic::BirthDate), ItemType::D, 10, "1985年3月12日", true),
        (Some(Semantic::BirthDate), ItemType::C, 10, "1985-13-12", false),
        (None, ItemType::D, 10, "2014-05-20T08:00:00+08:00", true),
        (None, ItemType::D, 10, "2014-05-20 08:00", true),
        (None, ItemType::D, 10, "2014-02-30", false),
        (None, ItemType::N, 4, "118.5200", true),
        (None, ItemType::Y, 4, "1e2", true),
        (None, ItemType::I, 4, "12元", false),
        (None, ItemType::B, 0, " ", false),
        (None, ItemType::F, 0, "NaN", false),
        (None, ItemType::C, 3, "三个字", true),
        (None, ItemType::C, 3, "四个字了", false),
        (None, ItemType::C, 3, " 三 个 字 ", true),
        (None, ItemType::C, 0, " \u{3000}", false),
        (None, ItemType::C, 0, "a\u{0}b", false),
        (None, ItemType::C, 0, "a\nb", false),
        (None, ItemType::M, 0, long.as_str(), true),
        (None, ItemType::M, 0, too_long.as_str(), false),
    ] {
        assert_eq!(has_valid_form(semantic, kind, length, value), valid, "{semantic:?} {kind:?} {value:.40}");
    }
    let digits = "1".repeat(65);
    assert!(!has_valid_form(None, ItemType::N, 0, &digits) && has_valid_form(None, ItemType::N, 0, &digits[1..]));
}

proptest! {
    #[test]
    fn one_changed_character_breaks_a_citizen_id(at in 0..18_usize, digit in 0..10_u8) {
        let id = "430689198503120011";
        let mut changed = id.as_bytes().to_vec();
        changed[at] = b'0' + digit;
        let changed = String::from_utf8(changed).unwrap();
        prop_assert_eq!(is_cn_id18(&changed), changed == id);
    }

    #[test]
    fn normalising_twice_changes_nothing(text in any::<String>(), semantic in proptest::sample::select(&SEMANTICS[..])) {
        let once = normalise_key(semantic, &text).into_owned();
        prop_assert_eq!(normalise_key(semantic, &once), once.as_str());
    }

    #[test]
    fn no_text_is_too_strange_to_judge(text in any::<String>(), semantic in proptest::sample::select(&SEMANTICS[..])) {
        let _ = (is_cn_id18(&text), is_uscc(&text));
        for kind in [ItemType::C, ItemType::N, ItemType::D] {
            if has_valid_form(semantic, kind, 0, &text) {
                prop_assert!(!normalise_key(semantic, &text).is_empty() && !text.contains(char::is_control));
            }
        }
    }
}
