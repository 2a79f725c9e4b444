//! `[data]`: the listener of the departmental systems, with its limits, time-outs and drain.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::document::Document;
use crate::fault::Fault;
use crate::material;
use crate::secret::{Secret, SecretRef, referenced};
use crate::settings::numbers::{Bound, bounded, count, numbers};
use crate::settings::url;
use crate::shape;

/// The data listener.
#[derive(Debug, Clone)]
pub struct Data {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// `https://host[:port]` without a trailing slash: issuer and audience of our own tokens.
    pub public_url: String,
    /// `Host` values that are served, lower case; default: that of `public_url`.
    pub hosts: Vec<String>,
    /// Server certificate with its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PKCS#8 PEM; checked to belong to the certificate.
    pub key: SecretRef,
    /// Authorities that client certificates may come from, PEM.
    pub client_ca: PathBuf,
    /// Revocation lists of those authorities, PEM; checked on every request.
    pub crl: Vec<PathBuf>,
    /// Time between two looks whether a file of `crl` was replaced (`crl_check_s`, 30 s).
    pub crl_check: Duration,
    /// Worker threads; `None` (written 0, the default) is one per core.
    pub workers: Option<NonZeroUsize>,
    /// Limits.
    pub limits: DataLimits,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// Drain.
    pub drain: Drain,
}

numbers! {
    /// `[data.limits]`: most of everything a peer can make us hold. Full means a clear refusal.
    DataLimits from RawDataLimits {
        /// Connections at once over all workers; each costs tens of KB with TLS.
        connections_max => connections_max: usize = 10_000 in 1..=1_000_000, count;
        /// Requests in work at once over all workers, then `exchange.overloaded`.
        in_flight_max => in_flight_max: usize = 4_096 in 1..=1_000_000, count;
        /// Bytes of a request head; above it 431. Below hyper's own bound of 64 KB, so that ours answers.
        header_bytes_max => header_bytes_max: usize = 16_384 in 1_024..=24_576, count;
        /// Header fields of a request; above it 431.
        headers_max => headers_max: usize = 64 in 16..=96, count;
        /// Bytes of a request target; above it 414.
        uri_bytes_max => uri_bytes_max: usize = 4_096 in 256..=16_384, count;
        /// Bytes of a request body; a batch of 100 verifications needs far less.
        body_bytes_max => body_bytes_max: usize = 1_048_576 in 1_024..=67_108_864, count;
        /// Bytes of a provider's answer held while it is checked; a binding may lower it.
        answer_bytes_max => answer_bytes_max: usize = 8_388_608 in 1_024..=268_435_456, count;
        /// Age after which a connection is closed between requests, seconds: spreads clients over nodes and renews sessions.
        connection_age_max_s => connection_age_max: Duration = 3_600 in 10..=86_400, Duration::from_secs;
        /// Idle time after which a connection is closed, seconds; longer than the clients' pool of usually 60.
        idle_s => idle: Duration = 75 in 1..=3_600, Duration::from_secs;
    }
}

numbers! {
    /// `[data.timeouts]`: how long a peer may take.
    Timeouts from #[expect(clippy::struct_field_names, reason = "the written keys carry their unit")] RawTimeouts {
        /// TLS handshake, milliseconds.
        handshake_ms => handshake: Duration = 5_000 in 100..=60_000, Duration::from_millis;
        /// Request head from its first byte, milliseconds.
        head_ms => head: Duration = 5_000 in 100..=60_000, Duration::from_millis;
        /// Request body, milliseconds.
        body_ms => body: Duration = 10_000 in 100..=300_000, Duration::from_millis;
        /// Without progress in writing an answer, milliseconds.
        write_ms => write: Duration = 10_000 in 100..=300_000, Duration::from_millis;
        /// Whole request; every later deadline only shrinks it, milliseconds.
        request_ms => request: Duration = 30_000 in 100..=600_000, Duration::from_millis;
    }
}

numbers! {
    /// `[data.drain]`: the end of the process without losing an accepted request.
    Drain from RawDrain {
        /// Wait after `/readyz` turns 503 before accepting stops, milliseconds: time for balancers to look.
        delay_ms => delay: Duration = 5_000 in 0..=300_000, Duration::from_millis;
        /// Longest wait for requests in work after that, milliseconds.
        timeout_ms => timeout: Duration = 30_000 in 0..=900_000, Duration::from_millis;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawData {
    listen: String,
    public_url: String,
    #[serde(default)]
    hosts: Vec<String>,
    certificate: PathBuf,
    key: String,
    client_ca: PathBuf,
    #[serde(default)]
    crl: Vec<PathBuf>,
    crl_check_s: Option<u64>,
    workers: Option<u64>,
    #[serde(default)]
    limits: RawDataLimits,
    #[serde(default)]
    timeouts: RawTimeouts,
    #[serde(default)]
    drain: RawDrain,
}

/// A look costs a system call for each file; a new list should count soon after it was fetched.
const CRL_CHECK_S: Bound = Bound { default: 30, least: 1, most: 3_600 };
/// More threads than any machine that this runs on has cores.
const WORKERS: Bound = Bound { default: 0, least: 0, most: 256 };

impl Data {
    pub(crate) fn read(raw: RawData, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let listen = address("data.listen", &raw.listen, document, faults);
        let authority = url::https_authority(&raw.public_url);
        if authority.is_none() {
            faults.push(document.fault(
                "data.public_url",
                "\"public_url\": https://host[:port] without a path",
                shape::example("public_url"),
            ));
        }
        let hosts = hosts(raw.hosts, authority, document, faults);
        let certificate = document.resolve(&raw.certificate);
        let client_ca = document.resolve(&raw.client_ca);
        let crl: Vec<PathBuf> = raw.crl.iter().map(|path| document.resolve(path)).collect();
        let certificate_read = material::certificates(&certificate);
        let certificate_holds = certificate_read.is_ok();
        let unreadable =
            [("data.certificate", certificate_read), ("data.client_ca", material::certificates(&client_ca))];
        faults.extend(unreadable.into_iter().filter_map(|(path, read)| Some(document.fault(path, read.err()?, None))));
        let lists = material::failing(&crl, material::revocation_lists);
        faults.extend(lists.into_iter().map(|(at, cause)| document.fault(&format!("data.crl.{at}"), cause, None)));
        let key = listener_key(&raw.key, document, faults);
        if let Some((_, key)) = key.as_ref().filter(|_| certificate_holds) {
            faults.extend(
                material::key_of_certificate(key, &certificate)
                    .err()
                    .map(|cause| document.fault("data.key", format!("\"key\": {cause}"), None)),
            );
        }
        let crl_check_s = bounded(raw.crl_check_s, &CRL_CHECK_S, "data.crl_check_s", document, faults);
        let workers = bounded(raw.workers, &WORKERS, "data.workers", document, faults);
        let limits = DataLimits::read(&raw.limits, "data.limits", document, faults);
        let timeouts = Timeouts::read(&raw.timeouts, "data.timeouts", document, faults);
        let drain = Drain::read(&raw.drain, "data.drain", document, faults);
        Some(Self {
            listen: listen?,
            public_url: raw.public_url,
            hosts,
            certificate,
            key: key?.0,
            client_ca,
            crl,
            crl_check: Duration::from_secs(crl_check_s),
            workers: NonZeroUsize::new(count(workers)),
            limits,
            timeouts,
            drain,
        })
    }
}

/// The reference and the key itself. Only a file: the listener reads it again when it is renewed.
fn listener_key(text: &str, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<(SecretRef, Secret)> {
    let key = referenced(text, "data.key", document, faults)?;
    if key.0.file().is_none() {
        let hint = Some(String::from("example: key = \"file:pki/server/key.pem\""));
        faults.push(document.fault("data.key", "\"key\": the listener's key is read from a file", hint));
        return None;
    }
    Some(key)
}

fn hosts(given: Vec<String>, authority: Option<&str>, document: &Document<'_>, faults: &mut Vec<Fault>) -> Vec<String> {
    for (at, _) in given.iter().enumerate().filter(|(_, host)| !url::is_authority(host)) {
        faults.push(document.fault(
            &format!("data.hosts.{at}"),
            "\"hosts\": a host is host or host:port",
            shape::example("hosts"),
        ));
    }
    let listed = if given.is_empty() { authority.map(str::to_owned).into_iter().collect() } else { given };
    listed.into_iter().map(|host| host.to_ascii_lowercase()).collect()
}

/// An address to listen on.
pub(crate) fn address(path: &str, text: &str, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        faults.push(document.fault(path, "\"listen\": an IP address and a port", shape::example("listen")));
    }
    parsed
}
