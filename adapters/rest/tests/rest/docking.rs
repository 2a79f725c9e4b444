//! Each style of interface, docked by its binding alone.

use sluice_contract::{BadAnswer, Compared, Comparison, ProviderFault};
use sluice_domain::Mode;
use sluice_domain::compare::Verdict;

use crate::provider::{Provider, json, with_head};
use crate::world::{attach, bind, compare, fetch};

const GET: &str = "headers = { 'X-Key' = 'k-1' }\n[query]\nmethod = 'GET'\npath = '/person/find'\nquery = { idcard = '{ID}', kind = 'a b' }\nrecords = '/result/rows'\nas_of = '/result/time'\nfields = { ID = 'idcard', XM = 'name', JE = '/pay/amount', XB = 'sex' }\ncodes = { XB = { 1 = '男', 2 = '女' } }\nsuccess = { pointer = '/head/code', equals = ['0000'] }\nnot_found = { pointer = '/head/code', equals = ['4040'] }";
const POST: &str = "[query]\nmethod = 'POST'\npath = '/q'\nbody = '{\"cond\":{\"sfz\":\"{ID}\"},\"size\":{limit},\"by\":\"{caller}\"}'\nsingle_record = true\nrecords = '/data'\nnot_found_status = [404]";
const COMPARE: &str = "[verify]\ncomparison = 'provider'\nresults = { XM = '/r/xm', XB = '/r/xb' }\nmatch = [1]\nmismatch = [0]\nindeterminate = [2]\n[verify.operation]\nmethod = 'POST'\npath = '/check'\nbody = 'id={ID}&xm={claim.XM}&xb={claim.XB}'\nbody_type = 'form'\nsuccess = { pointer = '/ok', equals = [true] }\nnot_found = { pointer = '/why', equals = ['none'] }\nas_of = '/at'";

#[tokio::test]
async fn get_with_nested_envelope_and_string_codes() {
    let provider = Provider::start(|_, _| {
        json(
            r#"{"head":{"code":"0000"},"result":{"rows":[{"name":"张三","idcard":"43","sex":"1","pay":{"amount":1.50}}],"time":"2026-11-22"}}"#,
        )
    });
    let adapter = attach(provider.address, GET);
    let rows = fetch(&*adapter, Mode::Query, "43&admin=1", &[0, 1, 2, 3]).await;
    assert_eq!(rows, Ok(Some(vec![r#""43","张三",1.50,"男""#.to_owned()])));
    let request = provider.seen().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("get /api/person/find?idcard=43%26admin%3d1&kind=a%20b http/1.1\r\n"), "{request}");
    for header in [
        "\r\nx-request-id: r-1\r\n",
        "\r\nx-exchange-department: mz\r\n",
        "\r\nx-exchange-resource: 101001001/000001\r\n",
        "\r\naccept: application/json\r\n",
        "\r\naccept-encoding: identity\r\n",
        "\r\nx-key: k-1\r\n",
    ] {
        assert!(request.contains(header), "{header}{request}");
    }
}

#[tokio::test]
async fn not_found_is_told_by_the_declared_place() {
    let provider = Provider::start(|_, _| json(r#"{"head":{"code":"4040"},"result":null}"#));
    assert_eq!(fetch(&*attach(provider.address, GET), Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
    let provider = Provider::start(|_, _| with_head("404 Not Found", "content-type: text/html", b"<h1>43</h1>"));
    assert_eq!(fetch(&*attach(provider.address, POST), Mode::Query, "43", &[0]).await, Ok(None));
}

#[tokio::test]
async fn post_with_a_single_object() {
    let provider = Provider::start(|_, _| json(r#"{"data":{"ID":"43","XM":null}}"#));
    let adapter = attach(provider.address, POST);
    assert_eq!(fetch(&*adapter, Mode::Query, "4\"}3", &[0, 1]).await, Ok(Some(vec!["\"43\",null".to_owned()])));
    assert_eq!(
        fetch(&*adapter, Mode::Verify, "43", &[0]).await,
        Ok(Some(vec!["\"43\"".to_owned()])),
        "the exchange compares from the query"
    );
    let request = provider.seen().remove(0);
    assert!(request.starts_with("POST /api/q HTTP/1.1\r\n"), "{request}");
    assert!(request.to_ascii_lowercase().contains("\r\ncontent-type: application/json\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"cond\":{\"sfz\":\"4\\\"}3\"},\"size\":20,\"by\":\"mz\"}"), "{request}");
}

#[tokio::test]
async fn a_comparing_provider_gives_verdicts_in_the_order_of_the_claims() {
    for (body, expected) in [
        (
            r#"{"ok":true,"r":{"xm":1,"xb":"0"},"at":"2026-11-22"}"#,
            Ok((vec![Verdict::Mismatch, Verdict::Match], Some("2026-11-22"))),
        ),
        (r#"{"ok":true,"r":{"xm":2}}"#, Ok((vec![Verdict::Indeterminate, Verdict::Indeterminate], None))),
        (r#"{"ok":true,"r":{"xm":null,"xb":1}}"#, Ok((vec![Verdict::Match, Verdict::Indeterminate], None))),
        (r#"{"ok":true,"r":null}"#, Ok((vec![Verdict::Indeterminate, Verdict::Indeterminate], None))),
        (r#"{"ok":true,"r":{"xm":7}}"#, Err(BadAnswer::UnknownCode)),
        (r#"{"ok":true,"r":{"xm":1,"xm":0}}"#, Err(BadAnswer::DuplicateMember)),
        (r#"{"ok":true,"r":{"xm":{"stored":"张"}}}"#, Err(BadAnswer::NotScalar)),
        (r#"{"ok":false,"r":{"xm":1}}"#, Err(BadAnswer::NotSuccess)),
        ("[]", Err(BadAnswer::NotSuccess)),
    ] {
        let provider = Provider::start(move |_, _| json(body));
        let adapter = attach(provider.address, COMPARE);
        let compared = compare(&*adapter, "43", &[(3, "女"), (1, "张 三")]).await;
        let expected = expected.map(|(verdicts, as_of)| Compared::Found { verdicts, as_of: as_of.map(str::to_owned) });
        assert_eq!(compared, expected.map_err(ProviderFault::BadAnswer), "{body}");
        assert!(provider.seen()[0].ends_with("\r\n\r\nid=43&xm=%E5%BC%A0%20%E4%B8%89&xb=%E5%A5%B3"));
    }
    let provider = Provider::start(|_, _| json(r#"{"ok":false,"why":"none"}"#));
    assert_eq!(
        compare(&*attach(provider.address, COMPARE), "43", &[(1, "张")]).await,
        Ok(Compared::NotFound { as_of: None })
    );
}

#[tokio::test]
async fn a_comparing_provider_is_never_asked_for_records() {
    let provider = Provider::start(|_, _| json("[]"));
    let binding = bind(provider.address, COMPARE);
    assert_eq!(binding.comparison(), Comparison::ByProvider);
    let adapter = binding.attach();
    for mode in [Mode::Query, Mode::Verify] {
        assert_eq!(fetch(&*adapter, mode, "43", &[0]).await, Err(BadAnswer::NotAskable.into()));
    }
    let adapter = attach(provider.address, GET);
    assert_eq!(compare(&*adapter, "43", &[(1, "张")]).await, Err(BadAnswer::NotAskable.into()));
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn the_standard_interface_needs_three_lines() {
    let provider = Provider::start(|_, request| {
        if request.starts_with("POST /api/query ") {
            json(r#"{"records":[{"ID":"43","XM":"张"}],"as_of":"2026-11-22T09:00:00+08:00"}"#)
        } else {
            json(r#"{"result":"found","claims":{"XM":"match"}}"#)
        }
    });
    let adapter = attach(provider.address, "style = 'standard'");
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0, 1]).await, Ok(Some(vec!["\"43\",\"张\"".to_owned()])));
    let body = r#"{"resource":"101001001/000001","filter":{"ID":"43"},"fields":["ID","XM"],"limit":20,"offset":0}"#;
    assert!(provider.seen()[0].ends_with(body), "{:?}", provider.seen());

    let adapter = attach(provider.address, "style = 'standard_compare_only'");
    let found = Compared::Found { verdicts: vec![Verdict::Match], as_of: None };
    assert_eq!(compare(&*adapter, "43", &[(1, "张")]).await, Ok(found));
    let body = r#"{"resource":"101001001/000001","subject":{"ID":"43"},"claims":{"XM":"张"}}"#;
    assert!(provider.seen()[1].ends_with(body), "{:?}", provider.seen());
}
