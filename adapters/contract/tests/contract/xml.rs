//! XML answers, read by path.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use sluice_contract::answer::{DEPTH_MAX, Received, examine, read, receive};
use sluice_contract::{BadAnswer, Layout};

use crate::sample::{items, operation, resource};

const CALL: &str = "method = 'GET'\npath = '/x'\nanswer_type = 'xml'\nrecords = '/resp/data/row'\nfields = { ID = '@id', XM = 'name', JE = '/pay/sum', XB = '/sex/@code' }\nsuccess = { pointer = '/resp/head/@code', equals = ['0'] }\nnot_found = { pointer = '/resp/head/@code', equals = ['404'] }\nas_of = '/resp/head/time'\n";

fn layout() -> Layout {
    Layout::of_records(&operation(CALL), &resource()).unwrap()
}

/// Records as `position=raw` joined by `,` and `|`, then `@as_of`.
fn outcome(layout: &Layout, wanted: &[usize], body: &[u8]) -> Result<String, BadAnswer> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/xml".parse().unwrap());
    let Received::Answer(page) = receive(layout, StatusCode::OK, &headers, Bytes::copy_from_slice(body))? else {
        panic!("an answer")
    };
    let mut rows = Vec::new();
    let envelope = read(std::slice::from_ref(&page), layout, &items(wanted), &mut |row| {
        rows.push(row.cells().map(|(at, cell)| format!("{at}={}", cell.raw())).collect::<Vec<_>>().join(","));
        Ok(())
    })?;
    assert_eq!(examine(&page, layout)?.records, rows.len());
    Ok(format!("{}@{}", rows.join("|"), envelope.as_of.unwrap_or_default()))
}

#[test]
fn elements_and_attributes_are_read_by_path_with_local_names() {
    for (wanted, body, expected) in [
        (
            &[0, 1, 2, 3][..],
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resp><head code=\"0\"><time>2026-11-22</time></head><data>\n<row id=\"1\"><name>张 &amp; &#x4E09;<![CDATA[<&]]></name><pay><sum>1.50</sum></pay><sex code='1'>男</sex></row>\n<row id='2'><sex code='2'/><pay><sum/></pay><name/></row></data></resp>\n",
            "0=\"1\",1=\"张 & 三<&\",2=1.50,3=\"1\"|0=\"2\",1=\"\",2=null,3=\"2\"@2026-11-22",
        ),
        (
            &[0],
            "<n:resp xmlns:n='urn:x'><n:head n:code='0'/><n:data><n:row n:id='1'/><!-- x --><n:total>1</n:total><n:row id='2'/></n:data></n:resp>",
            "0=\"1\"|0=\"2\"@",
        ),
        (&[0], "<resp><head code='0'/><data/></resp>", "@"),
        (&[0], "<resp><head code='404'/></resp>", "@"),
        (&[1], "<resp><head code='0'/><data><row><name xmlns:i='urn:i' i:nil='true'/></row></data></resp>", "1=null@"),
        (&[1], "<resp><head code='0'/><data><row><name nil='true'>x</name></row></data></resp>", "1=\"x\"@"),
        (
            &[1],
            "\u{feff}<resp><head code='0'/><data><row><name>a\r\nb&#13;</name></row></data></resp>",
            "1=\"a\\u000ab\\u000d\"@",
        ),
    ] {
        assert_eq!(outcome(&layout(), wanted, body.as_bytes()).as_deref(), Ok(expected), "{body}");
    }
}

#[test]
fn a_single_record_is_read() {
    let call = "method = 'GET'\npath = '/x'\nanswer_type = 'xml'\nrecords = '/r/p'\nsingle_record = true\nformats = { YX = { true_values = ['Y'], false_values = ['N'] } }";
    let layout = Layout::of_records(&operation(call), &resource()).unwrap();
    let body = "<r><p><ID>1</ID><YX>Y</YX><JE> 12 </JE></p></r>";
    assert_eq!(outcome(&layout, &[0, 2, 4], body.as_bytes()).as_deref(), Ok("0=\"1\",2=12,4=true@"));
    assert_eq!(outcome(&layout, &[0], b"<r/>"), Err(BadAnswer::RecordsMissing));
    assert_eq!(outcome(&layout, &[0], b"<r><p>x</p></r>"), Err(BadAnswer::ItemMissing));
    assert_eq!(outcome(&layout, &[0], b"<r><p><ID>1</ID></p><p><ID>2</ID></p></r>"), Err(BadAnswer::DuplicateMember));
}

#[test]
fn hostile_documents_are_refused() {
    let entities = "<!DOCTYPE r [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><resp><head code='0'/><data><row><name>&b;</name></row></data></resp>";
    let row = |inner: &str| format!("<resp><head code='0'/><data><row id='1'>{inner}</row></data></resp>");
    let deep = |depth: usize| row(&format!("{}{}", "<x>".repeat(depth), "</x>".repeat(depth)));
    for (wanted, body, expected) in [
        (&[1][..], entities.to_owned(), BadAnswer::NotXml),
        (&[1], "<!DOCTYPE r SYSTEM 'file:///etc/passwd'><resp/>".to_owned(), BadAnswer::NotXml),
        (&[1], row("<name>&x;</name>"), BadAnswer::NotXml),
        (&[1], row("<name>&#0;</name>"), BadAnswer::NotXml),
        (&[1], row("<name>&#1;</name>"), BadAnswer::NotXml),
        (&[1], row("<name>\u{1}</name>"), BadAnswer::NotXml),
        (&[1], row("<name>a"), BadAnswer::NotXml),
        (&[1], row("<name>a</nam>"), BadAnswer::NotXml),
        (&[1], row("<name><b>a</b></name>"), BadAnswer::NotScalar),
        (&[1], row("<name>a</name><name>b</name>"), BadAnswer::DuplicateMember),
        (&[1], row(""), BadAnswer::ItemMissing),
        (&[0], row("").replace("id='1'", "id='1' id='2'"), BadAnswer::NotXml),
        (&[0], row("").replace("id='1'", "id='1' n:id='2'"), BadAnswer::DuplicateMember),
        (&[2], row("<pay><sum>1,5</sum></pay>"), BadAnswer::Format),
        (&[0], format!("{}x", row("")), BadAnswer::NotXml),
        (&[0], format!("{}<resp/>", row("")), BadAnswer::NotXml),
        (&[0], String::new(), BadAnswer::NotXml),
        (&[0], "{\"resp\":{}}".to_owned(), BadAnswer::NotXml),
        (&[0], format!("<?xml version='1.0' encoding='GBK'?>{}", row("")), BadAnswer::NotXml),
        (&[0], row("").replace("code='0'", "code='9'"), BadAnswer::NotSuccess),
        (&[0], "<resp><head code='0'/></resp>".to_owned(), BadAnswer::RecordsMissing),
        (&[0], deep(DEPTH_MAX), BadAnswer::TooDeep),
        (&[0], deep(100_000), BadAnswer::TooDeep),
    ] {
        assert_eq!(outcome(&layout(), wanted, body.as_bytes()), Err(expected), "{body:.200}");
    }
    assert!(outcome(&layout(), &[0], deep(DEPTH_MAX - 3).as_bytes()).is_ok());
    let attributes = |count: usize| {
        let list = (0..count).map(|nth| format!(" a{nth}='1'")).collect::<Vec<_>>().concat();
        row("").replace("id='1'", &format!("id='1'{list}"))
    };
    assert!(outcome(&layout(), &[0], attributes(63).as_bytes()).is_ok());
    assert_eq!(outcome(&layout(), &[0], attributes(64).as_bytes()), Err(BadAnswer::NotXml));
}

#[test]
fn documents_in_gbk_are_read() {
    let call = "method = 'GET'\npath = '/x'\nanswer_type = 'xml'\nrecords = '/r/p'\ncharset = 'gbk'";
    let layout = Layout::of_records(&operation(call), &resource()).unwrap();
    let body = b"<?xml version='1.0' encoding='GB2312'?><r><p><ID>\xd5\xc5</ID></p></r>";
    assert_eq!(outcome(&layout, &[0], body).as_deref(), Ok("0=\"张\"@"));
    assert_eq!(outcome(&layout, &[0], b"<r><p><ID>\xd5</ID></p></r>"), Err(BadAnswer::Charset));
    let utf8 = "<?xml version='1.0' encoding='UTF-8'?><r><p><ID>1</ID></p></r>";
    assert_eq!(outcome(&layout, &[0], utf8.as_bytes()), Err(BadAnswer::NotXml), "the document contradicts the binding");
}
