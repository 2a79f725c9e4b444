//! Credentials: what is put into a request, byte for byte.

use http::Method;
use sluice_contract::BadAnswer;
use sluice_contract::credentials::{Credentials, Fixed, Unsigned};
use sluice_contract::spec::AuthSpec;

/// 2026-08-08 00:00 in Shanghai.
const NOW_MS: i64 = 1_786_118_400_123;

fn compile(toml: &str) -> Result<Credentials, Vec<String>> {
    let spec: AuthSpec = toml::from_str(toml).unwrap();
    Credentials::compile(&spec).map_err(|faults| faults.into_iter().map(|fault| fault.place).collect())
}

/// Headers as `name: value` and the query, after signing.
fn signed(toml: &str, query: &str, body: &[u8]) -> (Vec<String>, String) {
    let Ok(Credentials::Hmac(signing)) = compile(toml) else { panic!("{toml}") };
    let unsigned = Unsigned { method: &Method::POST, path: "/api/p", query, body };
    let signed = signing.sign(unsigned, NOW_MS, "n-1");
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    assert!(signed.headers.iter().all(|(_, value)| value.is_sensitive()));
    (signed.headers.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect(), signed.query)
}

#[test]
fn fixed_credentials_stand_in_a_header_or_a_parameter() {
    for (toml, expected) in [
        (
            "kind = 'basic'\nuser = 'Aladdin'\npassword = 'open sesame'",
            "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        ("kind = 'basic'\nuser = 'u'\npassword = '密'", "authorization: Basic dTrlr4Y="),
        ("kind = 'api_key'\nheader = 'X-Key'\nvalue = 'k 1'", "x-key: k 1"),
        ("kind = 'api_key'\nheader = 'Authorization'\nprefix = 'Bearer '\nvalue = 'k'", "authorization: Bearer k"),
        ("kind = 'api_key'\nquery = 'app key'\nvalue = 'a&b=密'", "app%20key=a%26b%3D%E5%AF%86"),
    ] {
        let put = match compile(toml) {
            Ok(Credentials::Fixed(Fixed::Header(name, value))) => {
                assert!(value.is_sensitive());
                format!("{name}: {}", value.to_str().unwrap())
            }
            Ok(Credentials::Fixed(Fixed::Query(pair))) => pair,
            _ => panic!("{toml}"),
        };
        assert_eq!(put, expected);
    }
}

// The digests were made with Python's hmac and hashlib.
#[test]
fn signatures_are_those_of_other_implementations() {
    let canonical = "canonical = \"{method}\\n{path}\\n{query_sorted}\\n{body_sha256}\\n{timestamp}\\n{app_id}\"\napp_id = 'sluice'\nput = { headers = { X-Sign = '{signature}', X-Time = '{timestamp}' }, query = { nonce = '{nonce}' } }";
    for (algorithm, encoding, signature) in [
        ("sm3", "hex", "c3a45d831d7383edd99a2d2cc65bcd04de883c077af3548c143319cd465996f6"),
        ("sha256", "base64", "q5AOr1jpkjyixjC4ep+RNEJKPENmMJkQC2gMDG2R740="),
    ] {
        let toml = format!(
            "kind = 'hmac'\nalgorithm = '{algorithm}'\nencoding = '{encoding}'\nsecret = 'geheim'\n{canonical}"
        );
        let (headers, query) = signed(&toml, "b=2%203&a=1", b"{\"a\":1}");
        assert_eq!(headers, [format!("x-sign: {signature}"), "x-time: 1786118400".to_owned()]);
        assert_eq!(query, "b=2%203&a=1&nonce=n-1", "the order that the provider sees is the operation's");
    }
    for (algorithm, signature) in [
        ("sm3", "8d54716c0553990422ad09e63a7237386696a8952f64e546a4dee3b89a931a35"),
        ("sha256", "203d1e5cedd2d18f8c5a3beff0bd9c1ebcb97097dfcb288c46b00c9227fde2c0"),
        ("sha1", "22f9e077a3cebd09248154f85d9a56c79941fd96"),
    ] {
        let toml = format!(
            "kind = 'hmac'\nalgorithm = '{algorithm}'\nsecret = 'key'\ncanonical = 'The quick brown fox'\nput = {{ query = {{ sign = '{{signature}}' }} }}"
        );
        assert_eq!(signed(&toml, "", b"").1, format!("sign={signature}"));
    }
    let plain = "kind = 'hmac'\nalgorithm = 'plain_sha256'\nencoding = 'hex_upper'\nsecret = 'geheim'\ncanonical = '{query_sorted_decoded}&key={secret}'\nput = { query = { ts = '{datetime}', sign = '{signature}' } }";
    assert_eq!(
        signed(plain, "b=2%203&a=1", b"").1,
        "b=2%203&a=1&sign=5FDE495817CD910E504912537A55C3C51DD1BDB77B988B7370B7C9F5C752631E&ts=20260808000000"
    );
    let sm3 = "kind = 'hmac'\nalgorithm = 'plain_sm3'\nsecret = 'abc'\ncanonical = '{secret}'\nput = { headers = { S = '{signature}', B = '{body_sm3}', M = '{timestamp_ms}' } }";
    let abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
    let expected = [format!("b: {abc}"), "m: 1786118400123".to_owned(), format!("s: {abc}")];
    assert_eq!(signed(sm3, "", b"abc").0, expected);
}

#[test]
fn a_token_is_asked_for_and_read_as_rfc_6749_says() {
    const HEAD: &str = "kind = 'oauth2'\ntoken_url = 'http://127.0.0.1:1/oauth/token'\nclient_id = 'sl:uice'\nclient_secret = 's&cret'\nscope = 'a b'\n";
    let oauth2 = |more: &str| match compile(&format!("{HEAD}{more}")) {
        Ok(Credentials::OAuth2(oauth2)) => oauth2,
        _ => panic!("{more}"),
    };
    let asked = oauth2("").request();
    assert_eq!((asked.method(), asked.uri().to_string().as_str()), (&Method::POST, "/oauth/token"));
    assert_eq!(asked.body(), "grant_type=client_credentials&scope=a%20b");
    assert_eq!(asked.headers()["authorization"], "Basic c2wlM0F1aWNlOnMlMjZjcmV0", "id and secret are encoded first");
    assert_eq!(asked.headers()["content-type"], "application/x-www-form-urlencoded");
    let asked = oauth2("in = 'body'\naudience = 'x'").request();
    assert!(!asked.headers().contains_key("authorization"));
    assert_eq!(
        asked.body(),
        "grant_type=client_credentials&scope=a%20b&audience=x&client_id=sl%3Auice&client_secret=s%26cret"
    );
    let oauth2 = oauth2("");
    for (body, expected) in [
        (r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#, Ok(("Bearer t-1", Some(3_600)))),
        (r#"{"access_token":"t","token_type":"bearer","scope":"a"}"#, Ok(("Bearer t", None))),
        (r#"{"access_token":"t","token_type":"bearer","expires_in":99999999}"#, Ok(("Bearer t", Some(86_400)))),
        (r#"{"access_token":"t\r\nX: 1","token_type":"bearer"}"#, Err(BadAnswer::NotJson)),
        (r#"{"access_token":"t x","token_type":"bearer"}"#, Err(BadAnswer::NotSuccess)),
        (r#"{"access_token":"","token_type":"bearer"}"#, Err(BadAnswer::NotSuccess)),
        (r#"{"access_token":"t","token_type":"mac"}"#, Err(BadAnswer::NotSuccess)),
        (r#"{"error":"invalid_client"}"#, Err(BadAnswer::NotJson)),
        ("<html>", Err(BadAnswer::NotJson)),
    ] {
        let token = oauth2.read(body.as_bytes());
        let seen =
            token.as_ref().map(|token| (token.authorization.to_str().unwrap(), token.lifetime_s)).map_err(|bad| *bad);
        assert_eq!(seen, expected, "{body}");
        assert!(!format!("{token:?}").contains("t-1"), "a token is not shown");
    }
}

#[test]
fn credentials_that_make_no_sense_are_explained() {
    const HMAC: &str = "kind = 'hmac'\nalgorithm = 'sha256'\nsecret = 's'\ncanonical = '{path}'\nput = { headers = { S = '{signature}' } }\n";
    for (toml, place) in [
        ("kind = 'basic'\nuser = 'u'".to_owned(), "password"),
        ("kind = 'basic'\nuser = 'u:v'\npassword = 'p'".to_owned(), "user"),
        ("kind = 'basic'\nuser = 'u'\npassword = 'p'\nheader = 'X'".to_owned(), "header"),
        ("kind = 'api_key'\nvalue = 'k'".to_owned(), "header"),
        ("kind = 'api_key'\nvalue = 'k'\nheader = 'A'\nquery = 'a'".to_owned(), "header"),
        ("kind = 'api_key'\nvalue = 'k'\nheader = 'Host'".to_owned(), "header"),
        ("kind = 'api_key'\nvalue = '密'\nheader = 'X-Key'".to_owned(), "value"),
        ("kind = 'oauth2'\nclient_id = 'c'\nclient_secret = 's'".to_owned(), "token_url"),
        (
            "kind = 'oauth2'\nclient_id = 'c'\nclient_secret = 's'\ntoken_url = 'http://169.254.169.254/t'".to_owned(),
            "token_url",
        ),
        (HMAC.replace("{path}", "{pathe}"), "canonical"),
        (HMAC.replace("{path}", "{signature}"), "canonical"),
        (HMAC.replace("{path}", "{path"), "canonical"),
        (HMAC.replace("{path}", "{secret}"), "canonical"),
        (HMAC.replace("'sha256'", "'plain_sm3'"), "canonical"),
        (HMAC.replace("{signature}", "x"), "put"),
        (HMAC.replace("{signature}", "{signature}{secret}"), "put.headers.S"),
        (HMAC.replace("S =", "Content-Length ="), "put.headers.Content-Length"),
        (HMAC.replace("{path}", "{app_id}"), "app_id"),
        (format!("{HMAC}app_id = 'a'"), "app_id"),
    ] {
        let places = compile(&toml).err().unwrap_or_default();
        assert!(places.iter().any(|found| found == place), "{toml}\nexpected {place}, found {places:?}");
    }
}
