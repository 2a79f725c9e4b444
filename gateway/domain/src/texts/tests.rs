use std::collections::HashSet;

use super::*;
use crate::day::Day;
use crate::ids::GrantId;
use crate::refusal::{Fact, Fault};

/// Facts of every kind, with marks that are easy to find.
fn all_facts() -> Vec<Fact> {
    vec![
        Fact::Member("MEMBER"),
        Fact::Items(String::from("ITEMS")),
        Fact::Grant(GrantId::new("G-0001").unwrap()),
        Fact::On(Day::parse("2026-06-30").unwrap()),
        Fact::Choices(String::from("CHOICES")),
        Fact::LegalBasis(String::from("《样例法》第一条")),
        Fact::Limit(77),
        Fact::RetryAfterS(31),
        Fact::Position(5),
        Fact::Provider(String::from("临澜市公安局")),
    ]
}

fn with(code: Code, facts: &[Fact]) -> Refusal {
    facts.iter().cloned().fold(Refusal::new(code), Refusal::with)
}

fn sentences(code: Code) -> [Both; 3] {
    let row = row(code);
    [row.title, row.detail, row.next_step]
}

#[test]
fn every_code_is_told_completely_in_both_languages() {
    let mut titles = HashSet::new();
    for code in Code::ALL {
        for lang in [Lang::Zh, Lang::En] {
            for facts in [&[][..], &all_facts()] {
                let texts = problem(&with(*code, facts), lang);
                for text in [&texts.title, &texts.detail, &texts.next_step] {
                    assert!(!text.trim().is_empty() && !text.contains(['{', '}', '<', '>']), "{code:?} {text}");
                    assert!(
                        !text.contains("  ") && !text.contains(" .") && !text.contains(" ,") && !text.contains("。。"),
                        "{code:?} {text}"
                    );
                    let is_chinese = text.contains(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
                    assert!(!facts.is_empty() || is_chinese == (lang == Lang::Zh), "{code:?} {text}");
                }
                assert_eq!(texts.rule.is_some(), texts.article.is_some(), "{code:?}");
            }
            assert!(titles.insert(problem(&Refusal::new(*code), lang).title), "two codes share the title of {code:?}");
        }
    }
}

#[test]
fn places_are_known_and_stand_in_parts_that_can_be_left_out() {
    let places: HashSet<_> = all_facts().iter().map(template::place_of).collect();
    let table = Code::ALL.iter().flat_map(|code| sentences(*code));
    for sentence in table.chain(FAULTS.iter().map(|fault| faults::sentence(*fault))).flatten() {
        let outside: String =
            sentence.split('<').map(|part| part.split_once('>').map_or(part, |(_, after)| after)).collect();
        assert!(!outside.contains(['{', '}', '>']), "{sentence}");
        for place in sentence.split('{').skip(1) {
            let place = place.split_once('}').expect(sentence).0;
            assert!(places.contains(place), "{sentence}");
        }
    }
}

#[test]
fn every_fault_has_its_own_sentence() {
    let mut seen = HashSet::new();
    for fault in FAULTS {
        for lang in [Lang::Zh, Lang::En] {
            let bare = problem(&Refusal::fault(Code::RequestSchema, fault), lang).detail;
            let told =
                problem(&all_facts().into_iter().fold(Refusal::fault(Code::RequestSchema, fault), Refusal::with), lang)
                    .detail;
            for text in [&bare, &told] {
                assert!(
                    !text.contains("  ") && !text.contains(" .") && !text.contains(" ,") && text.ends_with(['.', '。']),
                    "{fault:?} {text}"
                );
            }
            assert!(seen.insert(bare), "two faults share the sentence of {fault:?}");
        }
    }
}

#[test]
fn facts_stand_in_the_words() {
    for (code, zh, en) in [
        (Code::GrantExpired, ["G-0001", "2026-06-30"], ["G-0001", "2026-06-30"]),
        (Code::GrantFieldNotGranted, ["G-0001", "ITEMS"], ["G-0001", "ITEMS"]),
        (Code::GrantPurposeMismatch, ["G-0001", "CHOICES"], ["G-0001", "CHOICES"]),
        (Code::ShareNotShared, ["《样例法》第一条", "行政审批服务局"], ["《样例法》第一条", "apply"]),
        (Code::GrantRequired, ["由临澜市公安局审核", "5 个工作日"], ["by 临澜市公安局", "5 working days"]),
        (Code::LimitRate, ["77 次", "31 秒"], ["77", "31 s"]),
        (Code::PurposeUnknown, ["CHOICES", "用途"], ["CHOICES", "purpose"]),
        (Code::ProviderUnreachable, ["临澜市公安局", "31 秒"], ["临澜市公安局", "31 s"]),
    ] {
        for (lang, wanted) in [(Lang::Zh, zh), (Lang::En, en)] {
            let texts = problem(&with(code, &all_facts()), lang);
            let all = [texts.title, texts.detail, texts.next_step].concat();
            assert!(wanted.iter().all(|word| all.contains(word)), "{code:?} {all}");
        }
    }
}

#[test]
fn a_fault_and_its_place_in_a_batch_make_the_detail() {
    let refusal = Refusal::fault(Code::RequestSchema, Fault::CheckDigit)
        .with(Fact::Member("subject"))
        .with(Fact::Items("GMSFHM".into()))
        .with(Fact::Position(2));
    let zh = problem(&refusal, Lang::Zh).detail;
    assert!(
        zh.starts_with("items[2]") && zh.contains("subject") && zh.contains("GMSFHM") && zh.contains("GB 11643"),
        "{zh}"
    );
    let en = problem(&refusal, Lang::En).detail;
    assert_eq!(
        en,
        "items[2] (counted from 0): A number in subject (item GMSFHM) has a wrong length, date or check digit (citizen id: GB 11643; 统一社会信用代码: GB 32100)."
    );
}

#[test]
fn refusals_rest_on_their_articles() {
    for (code, rule, article) in [
        (Code::ShareNotShared, "D17-4", "第十七条第四款"),
        (Code::GrantRequired, "D21-2", "第二十一条第一款"),
        (Code::HandlerMissing, "D22-2", "第二十二条第二款"),
        (Code::PurposeMissing, "D22-2", "第二十二条第二款"),
        (Code::GrantPurposeMismatch, "D34", "第三十四条第(六)项"),
        (Code::ModeNotOffered, "D20", "第二十条"),
        (Code::ProviderTimeout, "D22-1", "第二十二条第一款"),
        (Code::IdentityTokenMissing, "D33-2", "第三十三条第一款第(二)项"),
    ] {
        let texts = problem(&Refusal::new(code), Lang::En);
        assert_eq!(
            (texts.rule, texts.article),
            (Some(rule), Some(format!("《临湘市政务数据资源管理暂行办法》{article}").as_str())),
            "{code:?}"
        );
    }
    let technical = problem(&Refusal::new(Code::RequestTooLarge), Lang::Zh);
    assert_eq!((technical.rule, technical.article), (None, None));
}

#[test]
fn the_caller_chooses_the_language() {
    for (header, lang) in [
        (None, Lang::Zh),
        (Some(""), Lang::Zh),
        (Some("en"), Lang::En),
        (Some("EN-us"), Lang::En),
        (Some("zh-CN,zh;q=0.9,en;q=0.8"), Lang::Zh),
        (Some("zh;q=0.5, en;q=0.8"), Lang::En),
        (Some("en;q=0.5, zh-Hans;q=0.5"), Lang::En),
        (Some("fr, en;q=0.1"), Lang::En),
        (Some("fr"), Lang::Zh),
        (Some("*, en;q=0.9"), Lang::Zh),
        (Some("en;q=0"), Lang::Zh),
        (Some("en;q=2, zh;q=0.1"), Lang::Zh),
        (Some("en;q=0.1234"), Lang::Zh),
        (Some("en; q=0.875, zh; q=0.874"), Lang::En),
        (Some(";;;,,,=q;q=,"), Lang::Zh),
    ] {
        assert_eq!(Lang::from_accept_language(header), lang, "{header:?}");
    }
}

const FAULTS: [Fault; 52] = [
    Fault::BadRequestLine,
    Fault::HostMissing,
    Fault::HostRepeated,
    Fault::HostMismatch,
    Fault::TransferEncoding,
    Fault::ContentLength,
    Fault::HeaderRepeated,
    Fault::HeaderCharacters,
    Fault::HeaderReserved,
    Fault::PathEncoding,
    Fault::PathSegments,
    Fault::MethodUnsupported,
    Fault::UpgradeUnsupported,
    Fault::ExpectUnsupported,
    Fault::BodyBroken,
    Fault::BodyEncoding,
    Fault::NotUtf8,
    Fault::NotJson,
    Fault::DuplicateMember,
    Fault::NotObject,
    Fault::UnknownMember,
    Fault::MissingMember,
    Fault::NotText,
    Fault::TooLong,
    Fault::UnknownItem,
    Fault::OutItemClaimed,
    Fault::KeySet,
    Fault::NoClaims,
    Fault::NoFields,
    Fault::RepeatedField,
    Fault::CheckDigit,
    Fault::ValueForm,
    Fault::LimitRange,
    Fault::BatchSize,
    Fault::BatchMixed,
    Fault::BatchAboveRate,
    Fault::PurposeForm,
    Fault::HandlerForm,
    Fault::MatterForm,
    Fault::QueryParameter,
    Fault::CursorForm,
    Fault::CursorForeign,
    Fault::CursorExpired,
    Fault::TokenForm,
    Fault::TokenAlgorithm,
    Fault::TokenSignature,
    Fault::TokenIssuer,
    Fault::TokenAudience,
    Fault::TokenClaims,
    Fault::TokenNotYetValid,
    Fault::PlannedOutage,
    Fault::ProviderBusy,
];
