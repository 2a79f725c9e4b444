//! The demo's `sluice.toml`: an ordinary configuration, with what suits one machine and a first look.

use super::secrets::{SUBJECT_KEY, TOKEN_KEY};

/// Distance of the ops listener's port from the data listener's.
const OPS_OFFSET: u16 = 2;

/// Port of the ops listener.
pub(super) fn ops_port(base: u16) -> u16 {
    base.saturating_add(OPS_OFFSET)
}

/// Address of the data listener: issuer and audience of the demo's tokens.
pub(super) fn public_url(base: u16) -> String {
    format!("https://127.0.0.1:{base}")
}

/// The text of `sluice.toml`.
pub(super) fn text(base: u16) -> String {
    let url = public_url(base);
    let ops = ops_port(base);
    format!(
        r#"# Written by `sluice demo` at each start. A real one is made from the commented sample in config/samples.

[node]
name = "demo"
environment = "test"

[data]
listen = "127.0.0.1:{base}"
public_url = "{url}"
hosts = ["127.0.0.1:{base}", "localhost:{base}"]
certificate = "pki/server/cert.pem"
key = "file:pki/server/key.pem"
client_ca = "pki/ca.pem"
crl = ["pki/crl.pem"]

[data.drain]
delay_ms = 0          # no balancer stands in front of a demo
timeout_ms = 10000

[ops]
listen = "127.0.0.1:{ops}"

[ledger]
dir = "ledger"
origin = "demo.sluice.example/access"
segment_bytes = 8388608   # zeroing larger ones would delay the start

[tokens]
signing_key = "file:{TOKEN_KEY}"

[subjects]
key = "file:{SUBJECT_KEY}"

[limits]
per_second = 10000    # by grant, where neither the grant nor its share condition sets one

[catalogue]
files = ["catalogue.toml", "bindings.toml"]

[log]
level = "warn"
format = "text"
"#
    )
}
