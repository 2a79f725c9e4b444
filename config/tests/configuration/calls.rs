//! Operations and sealed files: the sample is complete, and what is wrong is told at its place.

use sluice_domain::operation::{DigestAlgorithm, RequestPlace, ResponsePlace, Token};
use sluice_domain::{Mode, OperationIx};

use crate::site::Site;

const C: &str = "calls.toml";

fn site() -> Site {
    let site = Site::of_samples();
    site.replace("sluice.toml", "files = [\"catalogue.toml\"]", "files = [\"catalogue.toml\", \"calls.toml\"]");
    site
}

#[test]
fn the_sample_of_calls_is_correct_and_its_documented_defaults_are_the_defaults() {
    let made_real = site();
    let uncommented: Vec<String> = made_real
        .read(C)
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.starts_with("response_")).unwrap_or(line).to_owned())
        .collect();
    assert!(uncommented.iter().any(|line| line.starts_with("response_bytes_max")));
    made_real.write(C, &uncommented.join("\n"));
    let mut read = Vec::new();
    for site in [site(), made_real] {
        let loaded = site.load().unwrap_or_else(|faults| panic!("{faults}"));
        let of_plain_http = |warning: &sluice_config::Fault| warning.message.contains("plain HTTP");
        assert!(loaded.catalogue.warnings.iter().all(of_plain_http), "{:?}", loaded.catalogue.warnings);
        let resource = loaded.catalogue.policy.resources().last().unwrap().clone();
        read.push(format!("{:?}", resource.operations));
        let (search, files) = (&resource.operations[0], &resource.operations[1]);
        assert!(search.safe && search.reads_request() && search.reads_response());
        let expected: Vec<Token> = vec![Token::Member("list".into()), Token::Each, Token::Member("id".into())];
        assert_eq!(search.response_subjects[0].at, ResponsePlace::Body(expected));
        assert!(matches!(&search.request_subjects[0].at, RequestPlace::Body(pointer) if pointer.len() == 2));
        assert_eq!(search.bounds.response_bytes_max, 64 * 1024 * 1024);
        let digest = files.sealed.as_ref().unwrap().digest.as_ref().unwrap();
        assert_eq!((&*digest.header, digest.algorithm), ("x-file-sm3", DigestAlgorithm::Sm3));
        assert_eq!(files.path.filled("7"), "/certificates/7/file");
        let grant = loaded.catalogue.policy.grants().last().unwrap();
        assert!(grant.modes.contains(Mode::Call));
        assert!(
            (0..2).all(|at| grant.operations.contains(OperationIx(at))) && !grant.operations.contains(OperationIx(2))
        );
    }
    assert_eq!(read[0], read[1]);
}

#[test]
fn what_is_wrong_with_an_operation_is_told_at_its_place() {
    let rows: &[(&str, &str, &str)] = &[
        ("path = \"/registrations/search\"", "path = \"registrations\"", "\"path\": a path begins with a slash"),
        ("method = \"POST\"", "method = \"HEAD\"", "unknown word \"HEAD\""),
        ("items = [\"ZJHM\", \"BDCDYH\"]", "items = [\"ZJHM\", \"BDCDY\"]", "there is no item \"BDCDY\""),
        ("items = [\"ZJHM\", \"BDCDYH\"]", "items = []", "\"items\": say which items"),
        ("at = \"/owner/id\", item = \"ZJHM\"", "at = \"/owner/id\", item = \"BDCDYH\"", "names no person"),
        ("at = \"/owner/id\"", "at = \"owner/id\"", "\"at\": expected path:NAME, query:NAME or a JSON pointer"),
        ("at = \"/owner/id\"", "at = \"path:id\"", "a parameter that the operation does not have"),
        ("at = \"header:X-Owner-Id\"", "at = \"header:X Owner\"", "\"at\": expected header:NAME or a JSON pointer"),
        ("at = \"header:X-Owner-Id\"", "at = \"/id\"", "subjects in an answer's body need JSON"),
        ("header = \"X-File-SM3\"", "header = \"X File\"", "not a header name"),
        ("request_types = [\"application/json\"]", "request_types = [\"json\"]", "a media type without parameters"),
        (
            "request_types = [\"application/json\"]",
            "request_types = [\"text/xml\"]",
            "need JSON as its only media types",
        ),
        ("request_bytes_max = 65536", "request_bytes_max = 0\nquery = [\"a b\"]", "a query parameter's name"),
        ("first_byte_ms = 5000", "first_byte_ms = 70000", "\"times.first_byte_ms\": 70000 is not between 1 and 60000"),
        ("id = \"search\"", "id = \"files\"", "belongs to [resources.files]"),
        ("path = \"/certificates/{id}/file\"", "path = \"/certificates\"", "has exactly one parameter"),
        ("operations = [\"search\", \"files\"]", "operations = [\"serch\"]", "did you mean \"search\"?"),
        ("share_type = \"conditional\"", "share_type = \"unconditional\"", "so their resource is conditional"),
        (
            "subjects.response = [{ at = \"header:X-Owner-Id\", item = \"ZJHM\" }]",
            "",
            "each operation declares its subjects",
        ),
    ];
    for (old, new, expected) in rows {
        let site = site();
        site.replace(C, old, new);
        let faults = site.faults();
        let found = faults.iter().any(|fault| fault.starts_with("calls.toml:") && fault.contains(expected));
        assert!(found, "{new}: {expected}\n{}", faults.join("\n"));
    }
}

/// A site whose calls are signed, over this text.
fn signed(canonical: &str) -> Site {
    let site = site();
    let base = "base_url = \"http://10.20.0.13:9003/bdc\"";
    let auth = format!(
        "{base}\n[rest.auth]\nkind = \"hmac\"\nalgorithm = \"sm3\"\nsecret = \"file:keys/provider.txt\"\ncanonical = \"{canonical}\"\nput = {{ query = {{ sign = \"{{signature}}\" }} }}"
    );
    site.replace(C, base, &auth);
    site
}

#[test]
fn a_signature_covers_a_body_that_is_held_and_none_that_is_passed_on() {
    let passed_on = |site: &Site| {
        site.replace(C, "subjects.request = [{ at = \"/owner/id\", item = \"ZJHM\" }]", "");
    };
    assert!(signed("{path}{body_sm3}").load().is_ok(), "people stand in the body, so it is held");
    let without_body = signed("{path}{timestamp}");
    passed_on(&without_body);
    assert!(without_body.load().is_ok(), "{:?}", without_body.faults());
    let with_body = signed("{path}{body_sm3}");
    passed_on(&with_body);
    let faults = with_body.faults();
    let expected = "\"auth.canonical\": a signature cannot cover the body of operation \"search\"";
    let line = with_body.read(C).lines().position(|line| line.starts_with("canonical")).unwrap() + 1;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with(&format!("calls.toml:{line}:")) && faults[0].contains(expected), "{faults:?}");
    assert!(faults[0].contains("example: canonical = "), "{faults:?}");
    let parameter = signed("{path}");
    parameter.replace(C, "# query = [\"page\"]", "query = [\"sign\"]");
    let faults = parameter.faults();
    assert!(
        faults[0].contains("\"auth\": the parameter sign is one that callers of operation \"search\""),
        "{faults:?}"
    );
}
