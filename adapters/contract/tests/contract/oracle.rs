//! The reader against a naive one on `serde_json::Value`.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sluice_contract::answer::read;
use sluice_contract::{BadAnswer, Layout, Page};

use crate::sample::{items, operation, resource};

const OPERATION: &str = "method = 'GET'\npath = '/x'\nrecords = '/data/list'\nsuccess = { pointer = '/code', equals = ['0'] }\nfields = { XM = '名 ~/', JE = '/pay/1' }";

/// Records as texts of the wanted items, or nothing.
fn naive(body: &Value, wanted: &[usize]) -> Option<Vec<Vec<Value>>> {
    let code = body.get("code")?;
    if *code != json!("0") && *code != json!(0) {
        return None;
    }
    let pointers = ["/ID", "/名 ~0~1", "/pay/1", "/XB", "/YX"];
    let record = |record: &Value| {
        record.as_object()?;
        wanted
            .iter()
            .map(|at| record.pointer(pointers[*at]).filter(|value| !value.is_object() && !value.is_array()).cloned())
            .collect()
    };
    body.pointer("/data/list")?.as_array()?.iter().map(record).collect()
}

fn streamed(body: &str, wanted: &[usize]) -> Option<Vec<Vec<Value>>> {
    let layout = Layout::of_records(&operation(OPERATION), &resource()).unwrap();
    let mut rows = Vec::new();
    let envelope = read(&[Page::from(Bytes::copy_from_slice(body.as_bytes()))], &layout, &items(wanted), &mut |row| {
        rows.push(row.cells().map(|(_, cell)| serde_json::from_str(cell.raw()).unwrap()).collect());
        Ok(())
    });
    envelope.ok().map(|_| rows)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("\"\\\u{7}\u{1f600}"))
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let name = prop_oneof!["ID|XM|XB|YX|pay|名 ~/|code|data|list", "\\PC{0,6}"];
    scalar().prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
        ]
    })
}

fn record() -> impl Strategy<Value = Value> {
    let good = (scalar(), scalar(), scalar(), scalar(), value()).prop_map(|(id, name, pay, gender, more)| json!({"XB": gender, "more": more, "ID": id, "pay": [null, pay], "YX": true, "名 ~/": name}));
    prop_oneof![8 => good, 1 => value()]
}

fn body() -> impl Strategy<Value = Value> {
    let code = prop_oneof![4 => Just(json!("0")), 2 => Just(json!(0)), 1 => value()];
    let list = prop_oneof![8 => prop::collection::vec(record(), 0..4).prop_map(Value::from), 1 => value()];
    (code, list, value())
        .prop_map(|(code, list, more)| json!({"a": more.clone(), "data": {"before": more, "list": list}, "code": code}))
}

/// Texts that are nearly JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "",
        "\"",
        "\\\"",
        "\\",
        "}",
        "]",
        ",",
        "{",
        "[",
        ":",
        "0",
        "-",
        "1.",
        "e5",
        "true",
        "nul",
        " ",
        "\n",
        "\u{0}",
        "\u{1f}",
        "\\u12",
        "\\uD83D\\uDE00",
        "\\ud800",
        "\\x",
        "张",
        "\u{7f}",
        "abcdefg",
        "abcdefgh",
        "\"abcdefghijk\"",
        "\"\":",
        "{\"a\":",
        "[1,",
    ]);
    let noise = prop::collection::vec(pieces.clone(), 0..8).prop_map(|pieces| pieces.concat());
    let damaged = (value(), any::<prop::sample::Index>(), pieces).prop_map(|(value, at, with)| {
        let text = serde_json::to_string(&value).unwrap();
        let cut = (0..=at.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let next = text[cut..].chars().next().map_or(cut, |character| cut + character.len_utf8());
        format!("{}{with}{}", &text[..cut], &text[next..])
    });
    prop_oneof![1 => noise, 3 => damaged, 1 => value().prop_map(|value| serde_json::to_string_pretty(&value).unwrap())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    /// What is skipped, and what is kept whole, is JSON exactly where serde_json says so.
    #[test]
    fn json_is_judged_as_by_another_parser(text in nearly_json()) {
        let layout = Layout::of_records(&operation("method = 'GET'\npath = '/x'"), &resource()).unwrap();
        for (whole, wanted) in [(format!("[{{\"more\":{text},\"ID\":1}}]"), &[0][..]), (format!("[{{\"ID\":{text}}}]"), &[0])] {
            let page = [Page::from(Bytes::from(whole.clone()))];
            let ours = read(&page, &layout, &items(wanted), &mut |_| Ok(())).map(|_| ());
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&whole).is_ok();
            match ours {
                Ok(()) => prop_assert!(theirs, "{whole}"),
                Err(BadAnswer::NotJson | BadAnswer::Trailing) => prop_assert!(!theirs, "{whole}"),
                // Well-formed as far as it was read, and refused for what it says.
                Err(_) => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn streamed_records_equal_those_of_a_naive_reader(body in body(), wanted in prop::sample::subsequence(vec![0_usize, 1, 2, 3, 4], 0..5), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        prop_assert_eq!(streamed(&text, &wanted), naive(&body, &wanted));
    }

    #[test]
    fn damaged_answers_are_refused_or_read_alike(body in body(), at in any::<prop::sample::Index>(), with in prop::sample::select(vec!["", "\"", "}", "]", ",", "{", "0", "\\", "\u{0}"])) {
        let text = serde_json::to_string(&body).unwrap();
        let cut = (0..=at.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let next = text[cut..].chars().next().map_or(cut, |character| cut + character.len_utf8());
        let damaged = format!("{}{with}{}", &text[..cut], &text[next..]);
        if let Some(rows) = streamed(&damaged, &[0, 2]) {
            let value: Value = serde_json::from_str(&damaged).unwrap();
            prop_assert_eq!(Some(rows), naive(&value, &[0, 2]));
        }
    }
}
