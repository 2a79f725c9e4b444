//! Bindings: what is written is understood or explained.

use sluice_contract::spec::{RestSpec, SpecFault};

use crate::sample::{binding, resource};

const HEAD: &str = "resource = '101001001/000001'\nbase_url = 'http://127.0.0.1:9000/api'\n";
const QUERY: &str = "[query]\nmethod = 'GET'\npath = '/p'\nquery = { id = '{ID}', name = '{XM}' }\n";
const COMPARE: &str = "[verify]\ncomparison = 'provider'\nresults = { XB = '/r/xb' }\nmatch = [1]\nmismatch = [0]\n[verify.operation]\nmethod = 'POST'\npath = '/v'\nbody = '{\"k\":{key.*},\"xb\":\"{claim.XB}\"}'\n";

fn faults(toml: &str) -> Vec<String> {
    binding(toml)
        .check(&resource())
        .into_iter()
        .map(|SpecFault { place, fault, .. }| format!("{place}: {fault}"))
        .collect()
}

#[test]
fn sound_bindings_have_no_fault() {
    for toml in [
        format!("{HEAD}style = 'standard'"),
        format!("{HEAD}{QUERY}"),
        format!("{HEAD}headers = {{ 'X-Key' = 'env:MZ_KEY' }}\n{QUERY}{COMPARE}"),
        format!("{HEAD}{QUERY}paging = 'offset'\n").replace("name = ", "from = '{offset}', size = '{limit}', name = "),
        format!("{HEAD}tls = {{ ca = 'ca.pem' }}\n{QUERY}").replace("http://127.0.0.1:9000", "https://mz.example"),
    ] {
        assert_eq!(faults(&toml), Vec::<String>::new(), "{toml}");
        let spec = binding(&toml);
        let again: RestSpec = toml::from_str(&toml::to_string(&spec).unwrap()).unwrap();
        assert_eq!(again, spec, "a binding survives being written");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table with one row per mistake")]
fn mistakes_are_explained_where_they_stand() {
    for (toml, expected) in [
        (format!("{HEAD}{QUERY}").replace("000001", "000002"), "resource: "),
        (format!("{HEAD}{QUERY}").replace("127.0.0.1", "10.0.0.1:1@h"), "base_url: "),
        (format!("{HEAD}{QUERY}").replace("http://127.0.0.1", "http://mz.example"), "base_url: plain http"),
        (format!("{HEAD}{QUERY}").replace("127.0.0.1:9000", "169.254.169.254"), "base_url: link-local"),
        (format!("{HEAD}{QUERY}").replace("/api", "/api?x=1"), "base_url: no query"),
        (format!("{HEAD}{QUERY}").replace("/api", "/a/../b"), "base_url: the path"),
        (format!("{HEAD}{QUERY}").replace("http:", "https:"), "tls: the CA"),
        (format!("{HEAD}tls = {{ ca = 'x' }}\n{QUERY}"), "tls: only an https"),
        (format!("{HEAD}timeout_ms = 0\n{QUERY}"), "timeout_ms: "),
        (format!("{HEAD}timeout_ms = 500\n{QUERY}"), "connect_timeout_ms: "),
        (format!("{HEAD}retries = 4\n{QUERY}"), "retries: "),
        (HEAD.to_owned(), "query: a binding needs"),
        (format!("{HEAD}{COMPARE}"), "query: the resource offers queries"),
        (format!("{HEAD}style = 'standard_compare_only'"), "style: the resource offers queries"),
        (format!("{HEAD}style = 'standard'\n{QUERY}"), "style: the standard"),
        (format!("{HEAD}{QUERY}").replace(", name = '{XM}'", ""), "query.path: key XM is not sent"),
        (format!("{HEAD}{QUERY}").replace("'/p'", "'/p/{XM}'"), "query.body: XM is not in every key set"),
        (format!("{HEAD}{QUERY}").replace("{ID}", "{IDD}"), "query.query.id: {IDD} means nothing"),
        (format!("{HEAD}{QUERY}fields = {{ ZZ = 'z' }}"), "query.fields.ZZ: the resource has no such item"),
        (format!("{HEAD}{QUERY}codes = {{ JE = {{ a = 'b' }} }}"), "query.codes.JE: a value of item JE"),
        (format!("{HEAD}{QUERY}records = 'data'"), "query.records: "),
        (format!("{HEAD}{QUERY}as_of = '/a~'"), "query.as_of: "),
        (format!("{HEAD}{QUERY}success = {{ pointer = '/a', equals = [] }}"), "query.success.equals: "),
        (
            format!("{HEAD}{QUERY}records = '/d'\nsuccess = {{ pointer = '/d/0/code', equals = [0] }}"),
            "query.records: no condition",
        ),
        (format!("{HEAD}{QUERY}fields = {{ XM = '/n', XB = '/n/b' }}"), "query.fields: "),
        (format!("{HEAD}{QUERY}not_found_status = [500]"), "query.not_found_status: "),
        (format!("{HEAD}{QUERY}paging = 'offset'"), "query.paging: "),
        (format!("{HEAD}{QUERY}").replace("id =", "o = '{offset}', id ="), "query.paging: "),
        (format!("{HEAD}{QUERY}body = 'x'\nbody_type = 'form'"), "query.body: a GET"),
        (format!("{HEAD}{QUERY}headers = {{ Host = 'x' }}"), "query.headers.Host: the exchange sets"),
        (
            format!("{HEAD}{QUERY}headers = {{ 'X-Exchange-Department' = 'x' }}"),
            "query.headers.X-Exchange-Department: the exchange sets",
        ),
        (format!("{HEAD}{QUERY}headers = {{ 'X A' = 'x' }}"), "query.headers.X A: not a header name"),
        (format!("{HEAD}{QUERY}headers = {{ 'X-A' = '{{ID}}' }}"), "query.headers.X-A: only"),
        (format!("{HEAD}{QUERY}{COMPARE}").replace("results = { XB = '/r/xb' }", ""), "verify.results: "),
        (
            format!("{HEAD}{QUERY}{COMPARE}").replace("mismatch = [0]", "mismatch = [1]"),
            "verify.mismatch: a result may mean one thing",
        ),
        (format!("{HEAD}{QUERY}{COMPARE}").replace("match = [1]\n", ""), "verify.match: "),
        (format!("{HEAD}{QUERY}{COMPARE}").replace("{claim.XB}", ""), "verify.operation.body: the claimed XB"),
        (format!("{HEAD}{QUERY}{COMPARE}").replace("'provider'", "'exchange'"), "verify.results: results belong"),
        (
            format!("{HEAD}{QUERY}{COMPARE}fields = {{ XM = 'n' }}"),
            "verify.operation: a provider that compares sends no",
        ),
        (format!("{HEAD}{QUERY}[verify]\ncomparison = 'provider'\nresults = {{ XB = '/a' }}"), "verify.operation: "),
        (format!("{HEAD}{QUERY}paging = {{ style = 'page' }}"), "query.paging: {page} must"),
        (
            format!("{HEAD}{QUERY}records = '/l'\npaging = {{ style = 'cursor', next = '/n' }}"),
            "query.paging: {cursor} must",
        ),
        (format!("{HEAD}{QUERY}paging = {{ style = 'next_url' }}"), "query.paging.next: say where"),
        (format!("{HEAD}{QUERY}paging = {{ style = 'link', next = '/n' }}"), "query.paging.next: only"),
        (format!("{HEAD}{QUERY}paging = {{ style = 'link', first = 1 }}"), "query.paging.first: "),
        (format!("{HEAD}{QUERY}paging = {{ style = 'link', size_max = 0 }}"), "query.paging.size_max: "),
        (format!("{HEAD}{QUERY}paging = {{ style = 'link', pages_max = 1001 }}"), "query.paging.pages_max: "),
        (format!("{HEAD}{QUERY}paging = 'link'\nsingle_record = true"), "query.paging: a single record"),
        (format!("{HEAD}{QUERY}").replace("id =", "o = '{page}', id ="), "query.paging: {page} is sent"),
        (format!("{HEAD}{QUERY}paging = {{ style = 'next_url', next = 'n' }}"), "query.paging.next: a JSON pointer"),
        (format!("{HEAD}{QUERY}success = {{ pointer = '/a' }}"), "query.success: pointer and header need"),
        (format!("{HEAD}{QUERY}success = {{ status = [200], equals = [1] }}"), "query.success: equals"),
        (
            format!("{HEAD}{QUERY}success = {{ pointer = '/a', header = 'X', exists = true }}"),
            "query.success: a condition",
        ),
        (format!("{HEAD}{QUERY}success = {{ status = [500] }}"), "query.success.status: only a 2xx"),
        (
            format!("{HEAD}{QUERY}success = {{ any = [{{ pointer = 'a', exists = true }}] }}"),
            "query.success.any.0.pointer: ",
        ),
        (
            format!("{HEAD}{QUERY}errors = [{{ when = {{ header = 'X Y', exists = true }}, means = 'busy' }}]"),
            "query.errors.0.when.header: ",
        ),
        (
            format!(
                "{HEAD}{QUERY}errors = [{{ when = {{ status = [500] }}, means = 'retryable', retry_after_s = 1 }}]"
            ),
            "query.errors.0.retry_after_s: only",
        ),
        (
            format!("{HEAD}{QUERY}formats = {{ ZZ = {{ trim = true }} }}"),
            "query.formats.ZZ: the resource has no such item",
        ),
        (format!("{HEAD}{QUERY}formats = {{ JE = {{ date = '%Y' }} }}"), "query.formats.JE: "),
        (
            format!("{HEAD}{QUERY}formats = {{ JE = {{ number = 'text' }} }}\ncodes = {{ JE = {{ a = '1' }} }}"),
            "query.formats.JE: the code map converts",
        ),
        (format!("{HEAD}{QUERY}answer_type = 'xml'"), "query.records: in XML"),
        (format!("{HEAD}{QUERY}answer_type = 'xml'\nrecords = '/a:b/c'"), "query.records: in XML"),
        (
            format!("{HEAD}{QUERY}answer_type = 'xml'\nrecords = '/r/p'\nfields = {{ XM = '/@n/x' }}"),
            "query.fields.XM: in XML",
        ),
        (
            format!("{HEAD}{QUERY}charset = 'gbk'").replace("name = ", "s = '𠮷', name = "),
            "query.query.s: the declared request encoding",
        ),
        (format!("{HEAD}auth = {{ kind = 'basic', user = 'u' }}\n{QUERY}"), "auth.password: "),
        (
            format!("{HEAD}auth = {{ kind = 'api_key', query = 'id', value = 'k' }}\n{QUERY}"),
            "auth: the binding sets the parameter id",
        ),
        (
            format!(
                "{HEAD}auth = {{ kind = 'basic', user = 'u', password = 'p' }}\nheaders = {{ Authorization = 'x' }}\n{QUERY}"
            ),
            "auth: the binding sets the header authorization",
        ),
        (format!("{HEAD}instances = ['http://127.0.0.1:1/api']\n{QUERY}"), "base_url: the instances"),
        (
            format!("{HEAD}{QUERY}").replace(
                "base_url = 'http://127.0.0.1:9000/api'",
                "instances = ['http://127.0.0.1:1/a', 'http://127.0.0.1:2/b']",
            ),
            "instances.1: all instances",
        ),
        (
            format!("{HEAD}{QUERY}").replace(
                "base_url = 'http://127.0.0.1:9000/api'",
                "instances = ['http://127.0.0.1:1', 'http://127.0.0.1:1/']",
            ),
            "instances.1: the instance stands",
        ),
        (format!("{HEAD}outlier = {{ failures = 3 }}\n{QUERY}"), "outlier: only one of several"),
        (format!("{HEAD}outlier = {{ eject_max_percent = 100 }}\n{QUERY}"), "outlier.eject_max_percent: "),
        (format!("{HEAD}probe = {{ path = '/a b' }}\n{QUERY}"), "probe.path: "),
        (format!("{HEAD}probe = {{ path = '/a', interval_ms = 1 }}\n{QUERY}"), "probe.interval_ms: "),
        (format!("{HEAD}probe = {{ path = '/a', healthy_after = 0 }}\n{QUERY}"), "probe.healthy_after: "),
        (format!("{HEAD}probe = {{ path = '/a', status = [500] }}\n{QUERY}"), "probe.status: "),
        (format!("{HEAD}outages = [{{ daily = '1-2' }}]\n{QUERY}"), "outages.0.daily: "),
    ] {
        let found = faults(&toml);
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{toml}\nexpected {expected}\nfound {found:#?}");
    }
}

#[test]
fn unknown_members_are_refused() {
    for toml in [
        format!("{HEAD}stile = 'standard'"),
        format!("{HEAD}{QUERY}metod = 'GET'"),
        format!("{HEAD}breaker = {{ failure = 1 }}"),
        format!("{HEAD}auth = {{ kind = 'basic', username = 'u' }}"),
        format!("{HEAD}auth = {{ kind = 'digest' }}"),
        format!("{HEAD}{QUERY}paging = 'pages'"),
        format!("{HEAD}{QUERY}paging = {{ style = 'page', pages = 1 }}"),
        format!("{HEAD}{QUERY}charset = 'latin1'"),
        format!("{HEAD}tls = {{ crt = 'x' }}"),
        format!("{HEAD}{QUERY}success = {{ pointer = '', equal = [] }}"),
        format!("{HEAD}{QUERY}").replace("GET", "DELETE"),
    ] {
        assert!(toml::from_str::<RestSpec>(&toml).is_err(), "{toml}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let spec = binding(&format!("{HEAD}headers = {{ 'X-Key' = 'geheim' }}\n{QUERY}"));
    assert!(!format!("{spec:?}").contains("geheim"));
    let auth = format!("{HEAD}auth = {{ kind = 'basic', user = 'u', password = 'geheim' }}\n{QUERY}");
    let compiled = binding(&auth).compile(&resource()).unwrap();
    assert!(!format!("{:?}{:?}", binding(&auth), compiled.credentials).contains("geheim"));
    let unresolved = binding(&format!("{HEAD}auth = {{ kind = 'basic', user = 'u', password = 'env:X' }}\n{QUERY}"));
    assert!(unresolved.check(&resource()).is_empty());
    assert!(unresolved.compile(&resource()).is_err());
    let unresolved = binding(&format!("{HEAD}headers = {{ 'X-Key' = 'env:X' }}\n{QUERY}"));
    assert!(unresolved.check(&resource()).is_empty());
    assert!(unresolved.compile(&resource()).is_err());
}
