//! Changed answers and hostile values: refused or read, never a panic, and values never become structure.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header::LINK};
use proptest::prelude::*;
use serde_json::Value;
use sluice_contract::answer::{Received, examine, read, receive};
use sluice_contract::paging::{Turn, follow, link_next};
use sluice_contract::spec::Charset;
use sluice_contract::template::{Place, Template, Vocabulary};
use sluice_contract::{Ask, BadAnswer, Layout};
use sluice_fuzz::{mutated, mutated_text};

use crate::sample::{items, operation, resource};

const XML: &str = "method = 'GET'\npath = '/x'\nanswer_type = 'xml'\nrecords = '/resp/data/row'\nfields = { ID = '@id', XM = 'name', JE = '/pay/sum', XB = '/sex/@code' }\nsuccess = { pointer = '/resp/head/@code', equals = ['0'] }\n";
const JSON: &str =
    "method = 'GET'\npath = '/x'\nrecords = '/data/list'\nsuccess = { pointer = '/code', equals = ['0'] }\n";
const XML_ANSWERS: [&str; 3] = [
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resp><head code=\"0\"><time>2026-11-22</time></head><data>\n<row id=\"1\"><name>张 &amp; &#x4E09;<![CDATA[<&]]></name><pay><sum>1.50</sum></pay><sex code='1'>男</sex></row></data></resp>",
    "<n:resp xmlns:n='urn:x'><n:head n:code='0'/><n:data><n:row n:id='1'><n:name/></n:row><!-- x --><n:row id='2'/></n:data></n:resp>",
    "<resp><head code='0'/><data><row id='1'><name xmlns:i='urn:i' i:nil='true'/><pay><sum>2</sum></pay><sex code=''/></row></data></resp>",
];
const JSON_ANSWERS: [&str; 3] = [
    r#"{"code":0,"data":{"list":[{"ID":"430689198503120011","XM":"张三","JE":1.50,"XB":"1","YX":true}],"total":1}}"#,
    r#"{"data":{"list":[{"XM":"\u5f20\ud83d\ude00\"\\","ID":null,"JE":-1e3,"XB":"","YX":false},{}]},"code":"0","more":[[{"a":[]}]]}"#,
    r#"{"code":"0","data":{"list":[]}}"#,
];

/// Reads an answer as an adapter does; every cell it gives is one value of JSON.
fn taken(call: &str, kind: &'static str, body: Vec<u8>) -> Result<usize, BadAnswer> {
    let layout = Layout::of_records(&operation(call), &resource()).unwrap();
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
    let Received::Answer(page) = receive(&layout, StatusCode::OK, &headers, Bytes::from(body))? else { return Ok(0) };
    let mut rows = 0;
    read(std::slice::from_ref(&page), &layout, &items(&[0, 1, 2, 3]), &mut |row| {
        rows += 1;
        for (_, cell) in row.cells() {
            let value: Value = serde_json::from_str(cell.raw()).unwrap();
            assert!(!value.is_object() && !value.is_array(), "{value}");
        }
        Ok(())
    })?;
    assert_eq!(examine(&page, &layout)?.records, rows);
    Ok(rows)
}

/// The form of a value: texts and numbers aside, everything.
fn form(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(form).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name:?}:{}", form(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::String(_) => "text".to_owned(),
        Value::Number(_) => "number".to_owned(),
        other => other.to_string(),
    }
}

fn filled(text: &str, place: Place, value: &str) -> Option<String> {
    let resource = resource();
    let vocabulary = Vocabulary::new(&resource, |_| None).sent_in(Charset::Utf8);
    let template = Template::compile(text, place, &vocabulary).ok()?;
    let ask = Ask {
        resource: &resource,
        key: &[(0, value), (1, value)],
        claims: &[(1, value)],
        items: items(&[1, 2]),
        limit: 20,
        offset: 40,
        deadline: tokio::time::Instant::now().into_std() + Duration::from_secs(1),
        request_id: "r-1",
        caller: "mz",
    };
    let turn = Turn { limit: 20, offset: 40, page: 3, cursor: Some("c") };
    let mut out = String::new();
    template.fill(&ask, &turn, &mut out).ok().map(|()| out)
}

proptest! {
    #[test]
    fn changed_xml_is_refused_or_read(body in mutated(XML_ANSWERS.map(|answer| answer.as_bytes().to_vec()).to_vec())) {
        let _either = taken(XML, "text/xml", body);
    }

    #[test]
    fn changed_json_is_refused_or_read(body in mutated(JSON_ANSWERS.map(|answer| answer.as_bytes().to_vec()).to_vec())) {
        let is_json = serde_json::from_slice::<Value>(&body).is_ok();
        let outcome = taken(JSON, "application/json", body);
        prop_assert!(is_json || outcome.is_err());
    }

    #[test]
    fn changed_json_in_gb18030_is_refused_or_read(body in mutated(JSON_ANSWERS.map(|answer| answer.as_bytes().to_vec()).to_vec())) {
        let call = format!("{JSON}charset = 'gb18030'\n");
        let _either = taken(&call, "application/json; charset=gb18030", body);
    }

    #[test]
    fn a_template_is_refused_or_filled(text in mutated_text(&[r#"{"id":"{ID}","n":{limit},"k":{key.*},"f":{items.*}}"#, "id={ID}&n={claim.XM}", "/p/{ID}/x"])) {
        for place in [Place::Path, Place::Query, Place::Form, Place::Json] {
            let _either = filled(&text, place, "1");
        }
    }

    #[test]
    fn a_value_never_becomes_structure(value in mutated_text(&["430689198503120011", "\",\"admin\":true,\"x\":\"", "1&admin=1#x/../y?z", "张三\u{0}\n"])) {
        let json = r#"{"id":"{ID}","n":{limit},"k":{key.*},"c":{claim.*}}"#;
        if let Some(text) = filled(json, Place::Json, &value) {
            let plain: Value = serde_json::from_str(&filled(json, Place::Json, "x").unwrap()).unwrap();
            let hostile: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(form(&hostile), form(&plain));
            prop_assert_eq!(hostile["id"].as_str(), Some(value.as_str()));
        }
        for (text, place) in [("/p/{ID}/x", Place::Path), ("{ID}", Place::Query), ("id={ID}&n=1", Place::Form)] {
            let Some(hostile) = filled(text, place, &value) else { continue };
            let marks = |text: &str| text.chars().filter(|char| "/?#&=;\\".contains(*char) || char.is_control()).collect::<String>();
            prop_assert_eq!(marks(&hostile), marks(text), "{}", hostile);
        }
    }

    #[test]
    fn a_next_address_stays_below_the_base(reference in mutated_text(&["https://mz.example:8443/api/p?page=2", "/api/q?c=a%2Fb", "?page=3", "q?page=3"])) {
        let base: Uri = "https://mz.example:8443/api".parse().unwrap();
        if let Ok(target) = follow(&base, "/api/p?page=1", &reference) {
            prop_assert!(target == "/api" || target.starts_with("/api/") || target.starts_with("/api?"), "{target}");
            let path = target.split('?').next().unwrap_or_default();
            prop_assert!(!path.contains("/../") && !path.ends_with("/..") && !path.contains("//"), "{target}");
        }
        if let Ok(value) = HeaderValue::from_str(&format!("<{reference}>; rel=next")) {
            let _either = link_next(&HeaderMap::from_iter([(LINK, value)]));
        }
    }
}
