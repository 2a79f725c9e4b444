//! One pass over hostile and friendly answers.

use bytes::Bytes;
use sluice_contract::answer::{DEPTH_MAX, RECORDS_MAX, examine, read};
use sluice_contract::{BadAnswer, Envelope, Layout, Page, Row};
use sluice_domain::ItemSet;

use crate::sample::{items, operation, resource};

const CALL: &str = "method = 'GET'\npath = '/x'\n";
const NESTED: &str = "records = '/data/list'\nas_of = '/meta/0/at'\nsuccess = { pointer = '/code', equals = [0, 'OK'] }\nnot_found = { pointer = '/data', equals = ['null', ''] }\nfields = { XM = 'name', JE = '/pay/sum' }\ncodes = { XB = { 1 = '男', 2 = '女' }, YX = { Y = 'true' } }";
const SINGLE: &str = "single_record = true\nnot_found = { pointer = '/code', equals = ['404'] }\nrecords = '/r'";
const WHOLE: &str = "";

fn layout(answer: &str) -> Layout {
    Layout::of_records(&operation(&format!("{CALL}{answer}")), &resource()).unwrap()
}

/// Reads one page.
fn read_one(
    body: &[u8],
    layout: &Layout,
    items: &ItemSet,
    on_record: &mut dyn FnMut(&Row<'_>) -> Result<(), BadAnswer>,
) -> Result<Envelope, BadAnswer> {
    read(&[Page::from(Bytes::copy_from_slice(body))], layout, items, on_record)
}

/// What came out: records as `position=raw` joined by `,` and `|`, then `@as_of`.
fn outcome(answer: &str, wanted: &[usize], body: &[u8]) -> Result<String, BadAnswer> {
    let mut rows = Vec::new();
    let envelope = read_one(body, &layout(answer), &items(wanted), &mut |row| {
        rows.push(row.cells().map(|(at, cell)| format!("{at}={}", cell.raw())).collect::<Vec<_>>().join(","));
        Ok(())
    })?;
    assert_eq!(envelope.records, rows.len());
    assert_eq!(envelope.found, !rows.is_empty());
    Ok(format!("{}@{}", rows.join("|"), envelope.as_of.unwrap_or_default()))
}

#[test]
fn clean_answers_are_read_as_the_provider_wrote_them() {
    for (answer, wanted, body, expected) in [
        (
            WHOLE,
            &[0, 2][..],
            r#"[{"ID":"1","JE":1e2,"more":{"ID":"x"}},{"JE":12345678901234567890.10,"ID":null}]"#,
            "0=\"1\",2=1e2|0=null,2=12345678901234567890.10@",
        ),
        (WHOLE, &[], "[]", "@"),
        (
            WHOLE,
            &[0, 1],
            r#"[{"":0,"x":0,"ID":1,"XM":2},{"":0,"XM":4,"x":0,"ID":3,"more":0},{"\u0049D":5,"x":0,"XM":6}]"#,
            "0=1,1=2|0=3,1=4|0=5,1=6@",
        ),
        (WHOLE, &[0], r#"[{"\u0049D":1,"x":0},{"":0,"ID":2},{"ID":3}]"#, "0=1|0=2|0=3@"),
        (
            NESTED,
            &[1, 2, 3],
            r#"{"code":0,"data":{"list":[{"name":"张","pay":{"sum":1},"XB":"1"}]},"meta":[{"at":"2026-11-22T09:00:00+08:00"}]}"#,
            "1=\"张\",2=1,3=\"男\"@2026-11-22T09:00:00+08:00",
        ),
        (
            NESTED,
            &[3, 4],
            r#"{"data":{"list":[{"XB":2,"YX":"Y"},{"XB":null,"YX":null}]},"code":"OK"}"#,
            "3=\"女\",4=true|3=null,4=null@",
        ),
        (NESTED, &[1], r#"{"data":null,"code":500}"#, "@"),
        (NESTED, &[1], r#"{"data":"","code":500,"meta":[{"at":20261122}]}"#, "@20261122"),
        (NESTED, &[0], r#"{"data":{"list":[]},"code":0,"data2":[[[]]]}"#, "@"),
        (NESTED, &[0], r#"{"data":{"list":[{"\u0049D":"a\nb\u00e9"}]},"code":0}"#, "0=\"a\\nb\\u00e9\"@"),
        (SINGLE, &[0], r#"{"r":{"ID":"1"}}"#, "0=\"1\"@"),
        (SINGLE, &[0], r#"{"code":"404","r":null}"#, "@"),
        (SINGLE, &[0], r#"{"code":404,"r":{}}"#, "@"),
        ("single_record = true", &[0], r#" {"XM":1,"ID":"1"} "#, "0=\"1\"@"),
    ] {
        assert_eq!(outcome(answer, wanted, body.as_bytes()).as_deref(), Ok(expected), "{body}");
    }
}

#[test]
fn answers_that_cannot_be_proven_clean_are_refused() {
    for (answer, wanted, body, expected) in [
        (WHOLE, &[0][..], &b"[{\"ID\":\"\xff\"}]"[..], BadAnswer::NotUtf8),
        (WHOLE, &[0], b"[{\"XM\":\"\xed\xa0\x80\",\"ID\":1}]", BadAnswer::NotUtf8),
        (WHOLE, &[0], b"", BadAnswer::NotJson),
        (WHOLE, &[0], b"<html>", BadAnswer::NotJson),
        (WHOLE, &[0], b"\xef\xbb\xbf[]", BadAnswer::NotJson),
        (WHOLE, &[0], br#"[{"ID":"1"}"#, BadAnswer::NotJson),
        (WHOLE, &[0], br#"[{"ID":01}]"#, BadAnswer::NotJson),
        (WHOLE, &[0], br#"[{"ID":NaN}]"#, BadAnswer::NotJson),
        (WHOLE, &[0], br#"[{"ID":"1"},]"#, BadAnswer::NotJson),
        (WHOLE, &[0], b"[{\"ID\":\"1\n\"}]", BadAnswer::NotJson),
        (WHOLE, &[0], br"[] []", BadAnswer::Trailing),
        (WHOLE, &[0], b"[]\0", BadAnswer::Trailing),
        (WHOLE, &[0], br#"[{"ID":"1","ID":"1"}]"#, BadAnswer::DuplicateMember),
        (WHOLE, &[0], br#"[{"ID":"1","\u0049\u0044":"2"}]"#, BadAnswer::DuplicateMember),
        (WHOLE, &[0], br#"[{"ID":"1","XM":"a","XM":"b"}]"#, BadAnswer::DuplicateMember),
        (NESTED, &[0], br#"{"code":1,"code":0,"data":{"list":[]}}"#, BadAnswer::DuplicateMember),
        (NESTED, &[0], br#"{"code":0,"data":{"list":[]},"data":{"list":[]}}"#, BadAnswer::DuplicateMember),
        (NESTED, &[0], br#"{"code":0,"data":{"list":[],"l\u0069st":[]}}"#, BadAnswer::DuplicateMember),
        (
            NESTED,
            &[2],
            br#"{"code":0,"data":{"list":[{"pay":{"sum":1},"pay":{"sum":2}}]}}"#,
            BadAnswer::DuplicateMember,
        ),
        (NESTED, &[0], br#"{"data":{"list":[{"ID":"1"}]},"code":1}"#, BadAnswer::NotSuccess),
        (NESTED, &[0], br#"{"data":{"list":[{"ID":"1"}]}}"#, BadAnswer::NotSuccess),
        (NESTED, &[0], br#"{"data":{"list":[{"ID":"1"}]},"code":[0]}"#, BadAnswer::NotSuccess),
        (NESTED, &[0], br#"{"data":{},"code":0}"#, BadAnswer::RecordsMissing),
        (NESTED, &[0], br#"{"data":{"list":null},"code":0}"#, BadAnswer::RecordsMissing),
        (NESTED, &[0], br#"{"data":{"list":{"ID":"1"}},"code":0}"#, BadAnswer::RecordsForm),
        (NESTED, &[0], br#"{"data":{"list":"[]"},"code":0}"#, BadAnswer::RecordsForm),
        (NESTED, &[0], br#"{"data":{"list":[[{"ID":"1"}]]},"code":0}"#, BadAnswer::RecordsForm),
        (NESTED, &[0], br#"{"data":{"list":[1]},"code":0}"#, BadAnswer::RecordsForm),
        (NESTED, &[0], br#"{"data":{"list":[]},"code":0,"meta":[{"at":"<b>now</b>"}]}"#, BadAnswer::AsOf),
        (NESTED, &[0], br#"{"data":{"list":[]},"code":0,"meta":[{"at":{}}]}"#, BadAnswer::AsOf),
        (NESTED, &[3], br#"{"data":{"list":[{"XB":"9"}]},"code":0}"#, BadAnswer::UnknownCode),
        (NESTED, &[3], br#"{"data":{"list":[{"XB":["1"]}]},"code":0}"#, BadAnswer::NotScalar),
        (NESTED, &[2], br#"{"data":{"list":[{"pay":1}]},"code":0}"#, BadAnswer::ItemMissing),
        (WHOLE, &[0, 1], br#"[{"ID":"1"}]"#, BadAnswer::ItemMissing),
        (WHOLE, &[0], br#"[{"id":"1"}]"#, BadAnswer::ItemMissing),
        (WHOLE, &[9], br"[]", BadAnswer::ItemMissing),
        (WHOLE, &[0], br#"[{"ID":{"v":"1"}}]"#, BadAnswer::NotScalar),
        (WHOLE, &[0], br#"[{"ID":"\ud800"}]"#, BadAnswer::NotText),
        (SINGLE, &[0], br#"{"r":null}"#, BadAnswer::RecordsMissing),
        (SINGLE, &[0], br#"{"r":[{"ID":"1"}]}"#, BadAnswer::RecordsForm),
        (SINGLE, &[0], br"[]", BadAnswer::RecordsMissing),
        (
            "not_found = { pointer = '/none', equals = [true] }\nrecords = '/l'",
            &[0],
            br#"{"l":[{"ID":"1"}],"none":true}"#,
            BadAnswer::Contradictory,
        ),
    ] {
        assert_eq!(outcome(answer, wanted, body), Err(expected), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn depth_and_number_of_records_are_bounded() {
    let deep = |depth: usize| format!(r#"[{{"ID":"1","skipped":{}1{}}}]"#, "[".repeat(depth), "]".repeat(depth));
    assert!(outcome(WHOLE, &[0], deep(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(outcome(WHOLE, &[0], deep(DEPTH_MAX + 1).as_bytes()), Err(BadAnswer::TooDeep));
    assert_eq!(outcome(WHOLE, &[0], deep(100_000).as_bytes()), Err(BadAnswer::TooDeep));
    let quoted = format!(r#"[{{"ID":"1","skipped":["\"{}"]}}]"#, "[".repeat(1_000));
    assert!(outcome(WHOLE, &[0], quoted.as_bytes()).is_ok(), "brackets inside texts nest nothing");
    let many = |count: usize| format!("[{}]", vec![r#"{"ID":"1"}"#; count].join(","));
    assert!(outcome(WHOLE, &[0], many(RECORDS_MAX).as_bytes()).is_ok());
    assert_eq!(outcome(WHOLE, &[0], many(RECORDS_MAX + 1).as_bytes()), Err(BadAnswer::TooManyRecords));
}

#[test]
fn what_the_receiver_refuses_ends_the_pass() {
    let refused =
        read_one(br#"[{"ID":"1"},{"ID":"2"}]"#, &layout(WHOLE), &items(&[0]), &mut |_| Err(BadAnswer::NotAskedFor));
    assert_eq!(refused, Err(BadAnswer::NotAskedFor));
}

#[test]
fn cells_give_decoded_text() {
    let body = br#"[{"ID":"a\u0062\"c","XM":null,"JE":-1.50,"XB":"","YX":false}]"#;
    let mut texts = Vec::new();
    read_one(body, &layout(WHOLE), &items(&[0, 1, 2, 3, 4]), &mut |row| {
        texts = row.cells().map(|(_, cell)| cell.as_text().map(std::borrow::Cow::into_owned)).collect();
        let kind = |at| {
            row.cell(at).map(|cell| (cell.is_string(), cell.is_null(), cell.is_number(), cell.is_boolean())).unwrap()
        };
        assert_eq!(kind(0), (true, false, false, false));
        assert_eq!(kind(1), (false, true, false, false));
        assert_eq!(kind(2), (false, false, true, false));
        assert_eq!(kind(4), (false, false, false, true));
        assert_eq!(
            format!("{row:?}{:?}", row.cell(0)).find('a'),
            Some("Row { cells: 5, .. }Some(".len() + 1),
            "no value in Debug"
        );
        Ok(())
    })
    .unwrap();
    let expected = [Some("ab\"c"), None, Some("-1.50"), Some(""), Some("false")];
    assert_eq!(texts, expected.map(|text| text.map(str::to_owned)));
}

#[test]
fn pages_are_read_as_one_sequence() {
    let answer = "records = '/l'\nas_of = '/at'\nsuccess = { pointer = '/code', equals = [0] }\nnot_found = { pointer = '/code', equals = [404] }\npaging = { style = 'next_url', next = '/next' }";
    let layout = layout(answer);
    let page = |text: &'static str| Page::from(Bytes::from_static(text.as_bytes()));
    let first = page(r#"{"code":0,"l":[{"ID":"1"},{"ID":"2"}],"at":"2026-11-22","next":"/p?c=\u0032"}"#);
    let second = page(r#"{"code":0,"l":[{"ID":"3"}],"at":"2026-11-23","next":""}"#);
    let nothing = page(r#"{"code":404,"l":null,"next":null}"#);
    let sequence = |pages: &[Page]| {
        let mut ids = Vec::new();
        let envelope = read(pages, &layout, &items(&[0]), &mut |row| {
            ids.push(row.cell(0).map(|cell| cell.raw().to_owned()).unwrap_or_default());
            Ok(())
        })?;
        Ok((ids.join(""), envelope.found, envelope.records, envelope.as_of))
    };
    let date = Some("2026-11-22".to_owned());
    assert_eq!(sequence(&[first.clone(), second.clone()]), Ok(("\"1\"\"2\"\"3\"".to_owned(), true, 3, date.clone())));
    assert_eq!(sequence(&[first.clone(), nothing.clone()]), Ok(("\"1\"\"2\"".to_owned(), true, 2, date)));
    assert_eq!(sequence(&[]), Ok((String::new(), false, 0, None)));
    assert_eq!(sequence(&[first.clone(), page(r#"{"code":500}"#)]), Err(BadAnswer::NotSuccess));
    let next = |page: &Page| examine(page, &layout).map(|examined| (examined.records, examined.next));
    assert_eq!(next(&first), Ok((2, Some("/p?c=2".to_owned()))));
    assert_eq!((next(&second), next(&nothing)), (Ok((1, None)), Ok((0, None))));
    for wrong in [r#"{"code":0,"l":[],"next":["x"]}"#, r#"{"code":0,"l":[],"next":"a\nb"}"#] {
        assert_eq!(next(&page(wrong)), Err(BadAnswer::Next), "{wrong}");
    }
}

#[test]
fn the_number_of_records_is_bounded_over_all_pages() {
    let half = Page::from(Bytes::from(format!("[{}]", vec![r#"{"ID":"1"}"#; RECORDS_MAX / 2].join(","))));
    let more = Page::from(Bytes::from_static(br#"[{"ID":"1"}]"#));
    let count = |pages: &[Page]| read(pages, &layout(WHOLE), &items(&[0]), &mut |_| Ok(())).map(|whole| whole.records);
    assert_eq!(count(&[half.clone(), half.clone()]), Ok(RECORDS_MAX));
    assert_eq!(count(&[half.clone(), half, more]), Err(BadAnswer::TooManyRecords));
}
