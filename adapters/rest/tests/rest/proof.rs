//! How the exchange proves who it is: every way against a provider that checks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluice_contract::{BadAnswer, Binding, ProviderFault};
use sluice_domain::Mode;

use crate::provider::{Provider, Reply, json, with_head};
use crate::world::{attach, bind_at, fetch, until};

const QUERY: &str =
    "[query]\nmethod = 'POST'\npath = '/p'\nquery = { id = '{ID}', a = 'x y' }\nbody = '{\"n\":{limit}}'";

fn header<'r>(request: &'r str, name: &str) -> &'r str {
    let line = request.lines().find_map(|line| line.split_once(": ").filter(|(known, _)| *known == name));
    line.map_or("", |(_, value)| value)
}

type Guard = fn(&str) -> bool;

/// Serves those who prove themselves.
fn guarded(is_proven: impl Fn(&str) -> bool + Send + Sync + 'static) -> Provider {
    Provider::start(
        move |_, request| {
            if is_proven(request) { json("[]") } else { with_head("403 Forbidden", "x: y", b"") }
        },
    )
}

#[tokio::test]
async fn fixed_credentials_are_sent() {
    let rows: [(&str, Guard); 4] = [
        ("{ kind = 'basic', user = 'sluice', password = 'p:w 4' }", |request| {
            header(request, "authorization") == format!("Basic {}", STANDARD.encode("sluice:p:w 4"))
        }),
        ("{ kind = 'api_key', header = 'X-Key', value = 'k-1' }", |request| header(request, "x-key") == "k-1"),
        ("{ kind = 'api_key', header = 'Authorization', prefix = 'APPCODE ', value = 'k-1' }", |request| {
            header(request, "authorization") == "APPCODE k-1"
        }),
        ("{ kind = 'api_key', query = 'app key', value = 'k&1' }", |request| {
            request.starts_with("POST /api/p?a=x%20y&id=43&app%20key=k%261 HTTP/1.1\r\n")
        }),
    ];
    for (auth, is_proven) in rows {
        let provider = guarded(is_proven);
        let adapter = attach(provider.address, &format!("auth = {auth}\n{QUERY}"));
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])), "{auth}\n{:?}", provider.seen());
    }
}

#[tokio::test]
async fn every_request_is_signed_anew() {
    let auth = r"{ kind = 'hmac', algorithm = 'sha256', secret = 'shh', app_id = 'sluice', canonical = '{method}|{path}|{query_sorted}|{body_sha256}|{timestamp}|{nonce}|{app_id}', encoding = 'base64', put = { headers = { X-App = '{app_id}', X-Time = '{timestamp}', X-Nonce = '{nonce}' }, query = { sign = '{signature}' } } }";
    let provider = guarded(|request| {
        let target = request.split(' ').nth(1).unwrap();
        let (path, query) = target.split_once('?').unwrap();
        let (query, signature) = query.split_once("&sign=").unwrap();
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let digest = digest::digest(&digest::SHA256, body.as_bytes());
        let digest = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let (time, nonce, app) = (header(request, "x-time"), header(request, "x-nonce"), header(request, "x-app"));
        let text = format!("POST|{path}|{query}|{digest}|{time}|{nonce}|{app}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"shh");
        let signature = signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
        app == "sluice" && hmac::verify(&key, text.as_bytes(), &STANDARD.decode(signature).unwrap()).is_ok()
    });
    let adapter = attach(provider.address, &format!("auth = {auth}\n{QUERY}"));
    for _ in 0..2 {
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])), "{:?}", provider.seen());
    }
    let seen = provider.seen();
    assert_ne!(header(&seen[0], "x-nonce"), header(&seen[1], "x-nonce"));
}

/// A provider with a token endpoint: takes the token that it issued last, for as long as it likes.
struct Issuer {
    provider: Provider,
    issued: Arc<AtomicUsize>,
    /// Whether the token endpoint is well.
    is_well: Arc<AtomicBool>,
}

impl Issuer {
    fn start(lifetime_s: u32) -> Self {
        let (issued, is_well) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let (count, well) = (Arc::clone(&issued), Arc::clone(&is_well));
        let provider = Provider::start(move |_, request| {
            if request.starts_with("POST /token HTTP/1.1\r\n") {
                let is_ours = header(request, "authorization")
                    == format!("Basic {}", STANDARD.encode("sluice:s%26cret"))
                    && request.ends_with("\r\n\r\ngrant_type=client_credentials&scope=read");
                return match well.load(Ordering::Acquire) {
                    true if is_ours => {
                        let number = count.fetch_add(1, Ordering::AcqRel) + 1;
                        json(&format!(
                            "{{\"access_token\":\"t-{number}\",\"token_type\":\"Bearer\",\"expires_in\":{lifetime_s}}}"
                        ))
                    }
                    true => with_head(
                        "401 Unauthorized",
                        "content-type: application/json",
                        b"{\"error\":\"invalid_client\"}",
                    ),
                    false => with_head("503 Busy", "x: y", b"PROVIDER TEXT"),
                };
            }
            let current = format!("Bearer t-{}", count.load(Ordering::Acquire));
            if header(request, "authorization") == current {
                json("[]")
            } else {
                with_head("401 Unauthorized", "x: y", b"")
            }
        });
        Self { provider, issued, is_well }
    }

    fn binding(&self, secret: &str) -> Arc<dyn Binding> {
        let address = self.provider.address;
        let auth = format!(
            "{{ kind = 'oauth2', token_url = 'http://{address}/token', client_id = 'sluice', client_secret = '{secret}', scope = 'read' }}"
        );
        bind_at(&format!(
            "base_url = 'http://{address}/api'\nauth = {auth}\nbreaker = {{ failures = 100, open_ms = 1000 }}\n{QUERY}"
        ))
    }

    fn issued(&self) -> usize {
        self.issued.load(Ordering::Acquire)
    }

    /// Forgets its tokens, as after a restart.
    fn revoke(&self) {
        self.issued.fetch_add(100, Ordering::AcqRel);
    }
}

#[tokio::test]
async fn one_token_serves_all_workers_and_many_calls() {
    let issuer = Issuer::start(3600);
    let binding = issuer.binding("s&cret");
    let workers = [binding.clone().attach(), binding.attach()];
    let calls = (0..10).map(|at| fetch(&*workers[at % 2], Mode::Query, "43", &[0]));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(outcome, Ok(Some(vec![])));
    }
    assert_eq!(issuer.issued(), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let issuer = Issuer::start(3600);
    let adapter = issuer.binding("s&cret").attach();
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
    issuer.revoke();
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
    assert_eq!(issuer.issued(), 102);
    // A provider that refuses every token is asked twice, not for ever.
    let refusing = Provider::start(|_, request| {
        if request.starts_with("POST /token") {
            json("{\"access_token\":\"t\",\"token_type\":\"bearer\"}")
        } else {
            with_head("401 Unauthorized", "x: y", b"")
        }
    });
    let issuer = Issuer { provider: refusing, ..issuer };
    let adapter = issuer.binding("s&cret").attach();
    assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(BadAnswer::Status.into()));
    assert_eq!(issuer.provider.seen().len(), 4);
}

#[tokio::test]
async fn tokens_are_renewed_before_they_end() {
    let issuer = Issuer::start(4);
    let binding = issuer.binding("s&cret");
    let upkeep = Arc::clone(&binding).upkeep().unwrap();
    let story = async {
        let adapter = binding.clone().attach();
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
        until(|| issuer.issued() == 2).await;
        let calls = issuer.provider.seen().iter().filter(|request| !request.starts_with("POST /token")).count();
        assert_eq!(calls, 1, "no call had to find out that the token ends");
        drop((adapter, binding));
    };
    tokio::join!(story, upkeep);
}

#[tokio::test]
async fn without_a_token_the_provider_is_unreachable_and_its_endpoint_not_overrun() {
    for (secret, is_well) in [("wrong", true), ("s&cret", false)] {
        let issuer = Issuer::start(3600);
        issuer.is_well.store(is_well, Ordering::Release);
        let adapter = issuer.binding(secret).attach();
        let calls = (0..10).map(|_| fetch(&*adapter, Mode::Query, "43", &[0]));
        for outcome in futures_util::future::join_all(calls).await {
            assert_eq!(outcome, Err(ProviderFault::Unreachable), "{secret}");
        }
        let seen = issuer.provider.seen();
        assert!(seen.len() == 1 && seen[0].starts_with("POST /token"), "{secret}: {seen:?}");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_token_to_another() {
    let provider = Provider::start(|at, request| match (at, request.starts_with("POST /token")) {
        (0, true) => Reply::Silence,
        (_, true) => json("{\"access_token\":\"t\",\"token_type\":\"bearer\",\"expires_in\":60}"),
        (_, false) => json("[]"),
    });
    let issuer = Issuer { provider, ..Issuer::start(1) };
    let adapter = issuer.binding("s&cret").attach();
    let given_up = fetch(&*adapter, Mode::Query, "43", &[0]);
    let waits = fetch(&*adapter, Mode::Query, "44", &[0]);
    tokio::pin!(waits);
    {
        tokio::pin!(given_up);
        tokio::select! {
            biased;
            got = &mut given_up => panic!("{got:?}"),
            got = &mut waits => panic!("{got:?}"),
            () = until(|| issuer.provider.seen().len() == 1) => {}
        }
    }
    assert_eq!(tokio::time::timeout(Duration::from_secs(2), waits).await, Ok(Ok(Some(vec![]))));
}
