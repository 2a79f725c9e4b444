use proptest::prelude::*;

use super::*;
use Verdict::{Indeterminate, Match, Mismatch};

fn check(kind: ItemType, semantic: Option<Semantic>, rows: &[(&str, Option<&str>, Verdict)]) {
    for (claimed, stored, verdict) in rows {
        assert_eq!(
            Claim::new(kind, semantic, claimed).against(*stored),
            *verdict,
            "{kind:?} {semantic:?} {claimed} {stored:?}"
        );
    }
}

#[test]
fn texts_compare_in_one_form() {
    check(
        ItemType::C,
        None,
        &[
            ("张三丰", Some("张三丰"), Match),
            ("张三丰", Some(" 张 三\u{3000}丰\n"), Match),
            ("张三丰", Some("张三"), Mismatch),
            ("ＡＢＣ１", Some("ABC1"), Match),
            ("11010519491231002x", Some("11010519491231002X"), Match),
            ("a", Some("A"), Mismatch),
            ("1.2", Some("1·2"), Mismatch),
            ("1•2", Some("1·2"), Match),
            ("é", Some("e\u{301}"), Match),
            ("张三", None, Indeterminate),
            ("张三", Some(""), Indeterminate),
            ("张三", Some(" \u{3000}"), Indeterminate),
        ],
    );
}

#[test]
fn names_compare_whatever_dot_a_keyboard_has() {
    let rows = ["·", "•", "‧", "・", ".", ".", "･", "․", " · "].map(|dot| format!("买买提{dot}样例"));
    for stored in &rows {
        check(
            ItemType::C,
            Some(Semantic::PersonName),
            &[("买买提·样例", Some(stored), Match), (stored, Some("买买提·样例"), Match)],
        );
    }
    check(ItemType::C, Some(Semantic::PersonName), &[("买买提样例", Some("买买提·样例"), Mismatch)]);
}

#[test]
fn numbers_compare_by_value_without_rounding() {
    for kind in [ItemType::N, ItemType::Y, ItemType::B, ItemType::I, ItemType::F] {
        check(
            kind,
            None,
            &[
                ("118.520", Some("118.52"), Match),
                ("100", Some("1e2"), Match),
                ("9007199254740993", Some("9007199254740992"), Mismatch),
                ("0.30000000000000004", Some("0.3"), Mismatch),
                ("１２", Some("12.0"), Match),
                ("12", Some("十二"), Indeterminate),
                ("12", Some(""), Indeterminate),
                ("12", None, Indeterminate),
                ("twelve", Some("12"), Mismatch),
            ],
        );
    }
    check(
        ItemType::C,
        Some(Semantic::Money),
        &[("4321.5", Some("4321.50"), Match), ("4321.5", Some("约四千"), Indeterminate)],
    );
}

#[test]
fn dates_compare_as_days() {
    for (kind, semantic) in [(ItemType::D, None), (ItemType::C, Some(Semantic::BirthDate))] {
        check(
            kind,
            semantic,
            &[
                ("2014-05-20", Some("20140520"), Match),
                ("2014/5/20", Some("2014年5月20日"), Match),
                ("2014-05-20", Some("2014-05-20T08:30:00+08:00"), Match),
                ("2014-05-20", Some("2014-05-19T16:00:00Z"), Match),
                ("2014-05-20", Some("2014-05-21"), Mismatch),
                ("2014-05-20", Some("1985-**-**"), Indeterminate),
                ("2014-05-20", Some("不详"), Indeterminate),
                ("2014-05-20", None, Indeterminate),
                ("soon", Some("2014-05-20"), Mismatch),
            ],
        );
    }
}

#[test]
fn times_compare_as_precisely_as_they_are_claimed() {
    check(
        ItemType::T,
        None,
        &[
            ("2014-05-20 08:30", Some("2014-05-20T00:30:00Z"), Match),
            ("2014-05-20 08:30", Some("2014-05-20T08:31:00"), Mismatch),
            ("2014-05-20", Some("2014-05-20T08:31:00"), Match),
            ("2014-05-20 08:30", Some("2014-05-20"), Indeterminate),
            ("2014-05-20 08:30", Some("2014-05-21"), Mismatch),
            ("2014-05-20 08:30", Some("?"), Indeterminate),
        ],
    );
}

#[test]
fn the_worst_verdict_decides_the_whole() {
    for (found, verdicts, word) in [
        (false, &[][..], "not_found"),
        (false, &[Match], "not_found"),
        (true, &[Match, Match], "match"),
        (true, &[Match, Indeterminate], "indeterminate"),
        (true, &[Indeterminate, Mismatch, Match], "mismatch"),
    ] {
        assert_eq!(overall(found, verdicts), word, "{verdicts:?}");
    }
    assert_eq!([Match, Mismatch, Indeterminate].map(Verdict::as_str), ["match", "mismatch", "indeterminate"]);
}

#[test]
fn a_claim_is_not_printed() {
    let printed = format!("{:?}", Claim::new(ItemType::C, Some(Semantic::PersonName), "张三丰"));
    assert!(!printed.contains('张'));
}

proptest! {
    #[test]
    fn a_value_agrees_with_itself_and_spaces_do_not_matter(value in "[a-zA-Z0-9一-龥.·-]{1,20}", at in 0..20_usize, blank in "[ \u{3000}\u{200B}\t]") {
        let chars: Vec<char> = value.chars().collect();
        let (before, behind) = chars.split_at(at.min(chars.len()));
        let spaced: String = before.iter().copied().chain(blank.chars()).chain(behind.iter().copied()).collect();
        for semantic in [None, Some(Semantic::PersonName)] {
            prop_assert_eq!(Claim::new(ItemType::C, semantic, &value).against(Some(&spaced)), Match);
            prop_assert_eq!(Claim::new(ItemType::C, semantic, &spaced).against(Some(&value)), Match);
        }
    }

    #[test]
    fn decimals_agree_exactly_when_their_values_do(a in -50_000_i64..50_000, b in -50_000_i64..50_000, zeros in 0..4_usize) {
        let cents = |value: i64| format!("{}{}.{:02}", if value < 0 { "-" } else { "" }, value.abs() / 100, value.abs() % 100);
        let stored = format!("{b}{}e-{}", "0".repeat(zeros), zeros + 2);
        let verdict = Claim::new(ItemType::N, None, &cents(a)).against(Some(&stored));
        prop_assert_eq!(verdict, if a == b { Match } else { Mismatch }, "{} {}", cents(a), stored);
    }

    #[test]
    fn any_text_can_be_stored(claimed in any::<String>(), stored in any::<String>()) {
        for kind in [ItemType::C, ItemType::N, ItemType::D, ItemType::T] {
            let _ = Claim::new(kind, None, &claimed).against(Some(&stored));
        }
    }
}
