//! Who calls: certificates, tokens, and the binding of one to the other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sluice_tests::city::City;
use sluice_tests::client::{Call, Connection, Identity};
use sluice_tests::demo::Demo;
use sluice_tests::http2::Http2;
use sluice_tests::issuer::thumbprint;

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
    assert_eq!(claims["cnf"]["x5t#S256"], thumbprint(&demo.file("pki/parties/ask/cert.pem")));
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
