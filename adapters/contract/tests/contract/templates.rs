//! Values never become structure.

use std::time::Duration;

use sluice_contract::Ask;
use sluice_contract::paging::Turn;
use sluice_contract::spec::Charset;
use sluice_contract::template::{Place, Template, TemplateError, Unfilled, Vocabulary};

use crate::sample::{items, resource};

fn fill(text: &str, place: Place, id: &str) -> Result<String, Unfilled> {
    fill_in(Charset::Utf8, text, place, id)
}

fn fill_in(charset: Charset, text: &str, place: Place, id: &str) -> Result<String, Unfilled> {
    let resource = resource();
    let vocabulary = Vocabulary::new(&resource, |code| (code.as_str() == "XM").then_some("na\"me")).sent_in(charset);
    let template = Template::compile(text, place, &vocabulary).unwrap();
    let ask = Ask {
        resource: &resource,
        key: &[(0, id)],
        claims: &[(1, id)],
        items: items(&[1, 2]),
        limit: 20,
        offset: 40,
        deadline: tokio::time::Instant::now().into_std() + Duration::from_secs(1),
        request_id: "r-1",
        caller: "mz",
    };
    let turn = Turn { limit: 20, offset: 40, page: 3, cursor: Some("n&1").filter(|_| !id.is_empty()) };
    let mut out = String::new();
    template.fill(&ask, &turn, &mut out).map(|()| out)
}

#[test]
fn values_are_escaped_for_their_place() {
    for (text, place, id, expected) in [
        ("/p/{ID}/x", Place::Path, "43X", "/p/43X/x"),
        ("/p/{ID}", Place::Path, "张 &=+\"<@:", "/p/%E5%BC%A0%20%26%3D%2B%22%3C%40%3A"),
        ("{ID}", Place::Query, "a&b=c#d/../%00+ é", "a%26b%3Dc%23d%2F..%2F%2500%2B%20%C3%A9"),
        ("a b&{ID}", Place::Query, "1", "a%20b%261"),
        ("{limit}-{offset}-{caller}", Place::Query, "", "20-40-mz"),
        ("id={ID}&n={claim.XM}", Place::Form, "1&admin=1", "id=1%26admin%3D1&n=1%26admin%3D1"),
        (
            r#"{"id":"{ID}","n":{limit}}"#,
            Place::Json,
            "\",\"admin\":true,\"x\":\"",
            r#"{"id":"\",\"admin\":true,\"x\":\"","n":20}"#,
        ),
        (r#"{"id":"{ID}"}"#, Place::Json, "\\\n\t\u{0}\u{7f}张", r#"{"id":"\\\u000a\u0009\u0000\u007f张"}"#),
        (
            r#"{"k":{key.*},"c":{claim.*},"f":{items.*}}"#,
            Place::Json,
            "a\"}",
            r#"{"k":{"ID":"a\"}"},"c":{"na\"me":"a\"}"},"f":["na\"me","JE"]}"#,
        ),
        (r#"{"a":"{claim.XB}"}"#, Place::Json, "1", r#"{"a":""}"#),
        ("trace {request_id}", Place::Header, "1", "trace r-1"),
        ("{page}/{page_size}", Place::Query, "", "3%2F20"),
        ("c={cursor}", Place::Query, "1", "c%3Dn%261"),
        (r#"{"c":"{cursor}"}"#, Place::Json, "1", r#"{"c":"n&1"}"#),
        (r#"{"c":"{cursor}"}"#, Place::Json, "", r#"{"c":""}"#),
        (
            "<q id='{ID}'><x/>{claim.XM}</q>",
            Place::Xml,
            "<'&\">",
            "<q id='&lt;&apos;&amp;&quot;&gt;'><x/>&lt;&apos;&amp;&quot;&gt;</q>",
        ),
    ] {
        assert_eq!(fill(text, place, id).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn values_are_percent_encoded_in_the_providers_encoding() {
    for (place, text) in [(Place::Query, "{ID}"), (Place::Form, "id={ID}"), (Place::Path, "/{ID}")] {
        let filled = fill_in(Charset::Gbk, text, place, "张").unwrap();
        assert!(filled.ends_with("%D5%C5"), "{filled}");
        assert_eq!(fill_in(Charset::Gbk, text, place, "𠮷"), Err(Unfilled::Unsafe), "a name is never mutilated");
    }
    assert_eq!(fill_in(Charset::Gb18030, "{ID}", Place::Query, "𠮷").as_deref(), Ok("%954%B25"));
    assert_eq!(fill_in(Charset::Gbk, "姓{limit}", Place::Query, "").as_deref(), Ok("%D0%D520"));
}

#[test]
fn values_that_a_server_could_take_for_structure_stay_out_of_paths() {
    for id in ["", ".", "..", "a/b", "a\\b", "a%2fb", "a;b", "a?b", "a#b", "a\0b", "a\r\nb"] {
        assert_eq!(fill("/p/{ID}", Place::Path, id), Err(Unfilled::Unsafe), "{id:?}");
    }
    assert_eq!(fill("/p/.{ID}", Place::Path, "."), Err(Unfilled::Unsafe));
    assert_eq!(fill("/p/{ID}.json", Place::Path, "..").as_deref(), Ok("/p/...json"));
    assert_eq!(fill("/p/{XM}", Place::Path, "1"), Err(Unfilled::Absent));
    assert_eq!(fill("{claim.XB}", Place::Query, "1"), Err(Unfilled::Absent));
    assert_eq!(fill("{cursor}", Place::Query, ""), Err(Unfilled::Absent), "the first page has none");
    assert_eq!(fill("<q>{ID}</q>", Place::Xml, "a\0b"), Err(Unfilled::Unsafe), "XML cannot carry it");
}

#[test]
fn templates_that_mean_nothing_are_refused() {
    let resource = resource();
    let vocabulary = Vocabulary::new(&resource, |_| None);
    let unknown = |name: &str| TemplateError::Unknown(name.to_owned());
    for (text, place, expected) in [
        ("/p/{NOPE}", Place::Path, unknown("NOPE")),
        ("{claim.NOPE}", Place::Query, unknown("claim.NOPE")),
        ("{JE}", Place::Query, TemplateError::NotKey("JE".to_owned())),
        ("/p/{ID", Place::Path, TemplateError::Brace),
        ("a}b", Place::Query, TemplateError::Brace),
        ("p/{ID}", Place::Path, TemplateError::Path),
        ("/p//{ID}", Place::Path, TemplateError::Path),
        ("/p/../{ID}", Place::Path, TemplateError::Path),
        ("/p/%2e%2e/{ID}", Place::Path, TemplateError::Path),
        ("/p%2F/{ID}", Place::Path, TemplateError::Path),
        ("/p?id={ID}", Place::Path, TemplateError::Path),
        ("/p/%zz", Place::Path, TemplateError::Path),
        ("/p\r\n", Place::Path, TemplateError::Control),
        (r#"{"id":{ID}}"#, Place::Json, TemplateError::Unquoted("ID".to_owned())),
        (r#"{"id":"{key.*}"}"#, Place::Json, TemplateError::Quoted("key.*".to_owned())),
        (r#"{"id":"{ID}""#, Place::Json, TemplateError::NotJson),
        (r#"{"id":"\{ID}"}"#, Place::Json, TemplateError::NotJson),
        ("{key.*}", Place::Form, TemplateError::Quoted("key.*".to_owned())),
        (r#"{"c":{cursor}}"#, Place::Json, TemplateError::Unquoted("cursor".to_owned())),
        ("<q>{ID}", Place::Xml, TemplateError::NotXml),
        ("<q>{ID}</q><q/>", Place::Xml, TemplateError::NotXml),
        ("<!DOCTYPE q><q>{ID}</q>", Place::Xml, TemplateError::NotXml),
        ("{ID}", Place::Xml, TemplateError::NotXml),
    ] {
        assert_eq!(Template::compile(text, place, &vocabulary).err(), Some(expected), "{text}");
    }
    for (text, place) in [("{ID}", Place::Header), ("/{claim.XM}", Place::Path), ("/{cursor}", Place::Path)] {
        let refused = Template::compile(text, place, &vocabulary).err();
        assert!(matches!(refused, Some(TemplateError::Misplaced(..))), "{text}");
    }
}
