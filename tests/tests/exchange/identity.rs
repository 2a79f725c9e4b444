//! Who calls: certificates, tokens, and the binding of one to the other.

use std::fs;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sluice_tests::city::City;
use sluice_tests::client::{Call, Connection, Identity};
use sluice_tests::clock::unix_s;
use sluice_tests::demo::Demo;
use sluice_tests::exchange::Exchange;
use sluice_tests::http2::Http2;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

/// An issuer of the test's own, configured beside the exchange's.
struct Issuer {
    key: EcdsaKeyPair,
}

const ISSUER: &str = "https://sso.example.gov.cn";

impl Issuer {
    fn new() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self { key: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap() }
    }

    fn jwks(&self) -> String {
        let point = &self.key.public_key().as_ref()[1..];
        let (x, y) = point.split_at(32);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k1", "x": B64.encode(x), "y": B64.encode(y)}]}).to_string()
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", B64.encode(signature.as_ref()))
    }
}

fn thumbprint(exchange: &Exchange, party: &str) -> String {
    let certificate = CertificateDer::from_pem_file(exchange.file(&format!("pki/parties/{party}/cert.pem"))).unwrap();
    B64.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate))
}

const INVALID: &str = "identity.token_invalid";

/// A site that takes the tokens of an issuer of ours.
fn federated(city: &City, provider: &Provider) -> (Site, Issuer) {
    let mut site = Site::serve(city, &provider.url(), &Changes::default());
    let issuer = Issuer::new();
    fs::write(site.file("sso.jwks"), issuer.jwks()).unwrap();
    let members = [("issuer", ISSUER), ("audience", "sluice"), ("jwks", "sso.jwks")];
    let entry = toml::Table::from_iter(members.map(|(key, value)| (key.to_owned(), value.into())));
    site.stop();
    site.change(&[("tokens.issuers", toml::Value::Array(vec![entry.into()]))]);
    site.start_again();
    (site, issuer)
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": "k1"})
}

/// Claims that hold.
fn good_claims(site: &Site) -> Value {
    json!({"iss": ISSUER, "aud": "sluice", "sub": "ask.main", "iat": unix_s(), "exp": unix_s() + 600, "jti": "1",
           "cnf": {"x5t#S256": thumbprint(site, "ask")}})
}

#[test]
fn tokens_of_a_configured_issuer_are_judged_claim_by_claim() {
    let city = City::small();
    let provider = Provider::of(&city);
    let (site, issuer) = federated(&city, &provider);
    let good = good_claims(&site);
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        claims
    };
    let without = |claim: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(claim);
        claims
    };
    let mismatch = "identity.binding_mismatch";
    let rows = vec![
        ("good", good.clone(), "ok"),
        ("several audiences", with("aud", json!(["x", "sluice"])), "ok"),
        ("expired", with("exp", json!(unix_s() - 60)), "identity.token_expired"),
        ("not yet", with("nbf", json!(unix_s() + 300)), INVALID),
        ("another issuer", with("iss", json!("https://evil.example")), INVALID),
        ("another audience", with("aud", json!("other")), INVALID),
        ("our own audience", with("aud", json!(site.url())), INVALID),
        ("no issuer", without("iss"), INVALID),
        ("no audience", without("aud"), INVALID),
        ("no subject", without("sub"), INVALID),
        ("no expiry", without("exp"), INVALID),
        ("no binding", without("cnf"), INVALID),
        ("expiry is text", with("exp", json!("9999999999")), INVALID),
        ("subject is a list", with("sub", json!(["ask.main"])), INVALID),
        ("another system", with("sub", json!("other.main")), mismatch),
        ("another certificate", with("cnf", json!({"x5t#S256": thumbprint(&site, "other")})), mismatch),
        ("binding to nothing", with("cnf", json!({"x5t#S256": ""})), INVALID),
    ];
    let ask = site.identity("ask");
    for (what, claims, code) in &rows {
        let answer = site.send(&ask.clone().with_token(&issuer.token(&header(), claims)), &city.good_call());
        assert_eq!(answer.code(), *code, "{what}: {}", answer.text());
    }
    assert_eq!(provider.questions().len(), 2, "only permitted calls reached the provider");
}

#[test]
fn forged_and_malformed_tokens_are_invalid() {
    let city = City::small();
    let provider = Provider::of(&city);
    let (site, issuer) = federated(&city, &provider);
    let (good, forged) = (good_claims(&site), Issuer::new());
    let token = issuer.token(&header(), &good);
    let parts: Vec<&str> = token.split('.').collect();
    let own_key = serde_json::from_str::<Value>(&forged.jwks()).unwrap()["keys"][0].clone();
    let broken = [
        issuer.token(&json!({"alg": "none"}), &good),
        issuer.token(&json!({"alg": "HS256"}), &good),
        issuer.token(&json!({"alg": "ES256", "crit": ["x"]}), &good),
        issuer.token(&json!({"alg": "ES256", "kid": "../../etc/passwd"}), &good),
        forged.token(&header(), &good),
        forged.token(&json!({"alg": "ES256", "jwk": own_key}), &good),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}="),
        "x".repeat(7000),
    ];
    let ask = site.identity("ask");
    for token in &broken {
        problem::check(token, &site.send(&ask.clone().with_token(token), &city.good_call()), INVALID);
    }
    for scheme in ["Basic x".to_owned(), format!("Bearer{token}"), format!("Token {token}"), String::new()] {
        let answer = site.send(&ask.clone().without_token(), &city.good_call().header("Authorization", &scheme));
        assert_eq!(answer.status, 401, "{scheme}: {}", answer.text());
    }
    assert!(provider.questions().is_empty());
}

#[test]
fn the_token_endpoint_answers_as_rfc_6749_says() {
    let demo = Demo::of(&City::small());
    let ask = demo.identity("ask").without_token();
    let rows = [
        ("grant_type=client_credentials", 200, ""),
        ("grant_type=client_credentials&client_id=ask.main", 200, ""),
        ("grant_type=client_credentials&unknown=1", 200, ""),
        ("grant_type=client_credentials&client_id=other.main", 401, "invalid_client"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        ("client_id=ask.main", 400, "invalid_request"),
        ("", 400, "invalid_request"),
    ];
    for (form, status, error) in rows {
        for answer in [demo.send(&ask, &Call::token(form)), Http2::open(&ask, demo.base).send(&Call::token(form))] {
            assert_eq!(answer.status, status, "{form}: {}", answer.text());
            assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{form}");
            let document = answer.json();
            assert_eq!(document["error"].as_str().unwrap_or_default(), error, "{form}: {document}");
            if status == 200 {
                assert_eq!(
                    (&document["token_type"], &document["expires_in"]),
                    (&json!("Bearer"), &json!(3600)),
                    "{form}"
                );
                let fresh = ask.clone().with_token(document["access_token"].as_str().unwrap());
                assert_eq!(demo.send(&fresh, &City::small().good_call()).code(), "ok", "{form}");
            }
        }
    }
    let unknown = demo.send(&demo.identity("unknown"), &Call::token("grant_type=client_credentials"));
    assert_eq!((unknown.status, &unknown.json()["error"]), (401, &json!("invalid_client")));
    let revoked = demo.send(&demo.identity("revoked"), &Call::token("grant_type=client_credentials"));
    assert_eq!(revoked.status, 401, "{}", revoked.text());
    let json_body =
        demo.send(&ask, &Call::token("grant_type=client_credentials").header("Content-Type", "application/json"));
    assert_eq!((json_body.status, &json_body.json()["error"]), (400, &json!("invalid_request")));
}

#[test]
fn own_tokens_are_what_the_metadata_and_keys_say() {
    let demo = Demo::of(&City::small());
    let ask = demo.identity("ask");
    let get = |target: &str| {
        let answer = demo.send(&ask.clone().without_token(), &Call::get(target));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    };
    let metadata = get("/.well-known/oauth-authorization-server");
    assert_eq!(metadata["issuer"], demo.url());
    assert_eq!(metadata["token_endpoint"], format!("{}/v1/token", demo.url()));
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    let keys = get("/.well-known/jwks.json");
    let token = ask.token.clone().unwrap();
    let part = |at: usize| -> Value {
        serde_json::from_slice(&B64.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!(header["alg"], "ES256");
    assert_eq!(
        (claims["iss"].as_str(), claims["aud"].as_str()),
        (Some(demo.url().as_str()), Some(demo.url().as_str()))
    );
    assert_eq!(claims["sub"], "ask.main");
    assert_eq!(claims["cnf"]["x5t#S256"], thumbprint(&demo, "ask"));
    assert!(claims["jti"].is_string() && claims["iat"].is_u64());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert!(!keys.to_string().contains("\"d\""), "no private part: {keys}");
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| header["kid"].is_null() || key["kid"] == header["kid"])
        .unwrap();
    let coordinate = |name: &str| B64.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let public = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, point);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    assert!(public.verify(signed.as_bytes(), &B64.decode(signature).unwrap()).is_ok());
}

#[test]
fn without_a_certificate_of_the_ca_there_is_no_http() {
    let demo = Demo::of(&City::small());
    let ca = demo.file("pki/ca.pem");
    let key = rcgen::KeyPair::generate().unwrap();
    let stranger = rcgen::CertificateParams::new(vec!["ask.main".to_owned()]).unwrap().self_signed(&key).unwrap();
    let stranger = (vec![stranger.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
    let server = (
        CertificateDer::pem_file_iter(demo.file("pki/server/cert.pem")).unwrap().map(Result::unwrap).collect(),
        PrivateKeyDer::from_pem_file(demo.file("pki/server/key.pem")).unwrap(),
    );
    for identity in [
        Identity::without_certificate(&ca),
        Identity::of("another CA".to_owned(), &ca, Some(stranger)),
        Identity::of("a server's certificate".to_owned(), &ca, Some(server)),
    ] {
        for target in ["/v1/token", "/.well-known/jwks.json", "/"] {
            let answer =
                Connection::open(&identity, demo.base).and_then(|mut connection| connection.send(&Call::get(target)));
            assert!(answer.is_err(), "{identity:?} got {answer:?}");
        }
    }
}

#[test]
fn the_host_must_be_ours_and_the_one_of_the_handshake() {
    let city = City::small();
    let demo = Demo::of(&city);
    let ask = demo.identity("ask");
    let local = ask.clone().to_server("localhost");
    let own = format!("127.0.0.1:{}", demo.base);
    let rows = [
        (&ask, own.clone(), "ok"),
        (&local, format!("localhost:{}", demo.base), "ok"),
        (&local, own, "request.misdirected"),
        (&local, "elsewhere.example".to_owned(), "request.misdirected"),
        (&ask, "elsewhere.example".to_owned(), "request.misdirected"),
    ];
    for (identity, host, code) in rows {
        let call = city.good_call().header("Host", &host);
        let what = format!("{} with Host {host}", identity.server_name);
        let answer = demo.send(identity, &call);
        assert_eq!(answer.code(), code, "{what}: {}", answer.text());
        let answer = Http2::open(identity, demo.base).send(&call);
        assert_eq!(answer.code(), code, "{what} over HTTP/2: {}", answer.text());
    }
    let none =
        Connection::with_alpn(&ask, demo.base, &[]).and_then(|mut connection| connection.send(&city.good_call()));
    assert_eq!(none.unwrap().code(), "ok", "without ALPN: HTTP/1.1");
}
