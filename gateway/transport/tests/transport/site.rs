//! A listener with a trivial service, a PKI made for it, and clients that send raw bytes.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::Full;
use hyper::body::Incoming;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sluice_domain::{Fact, Refusal};
use sluice_transport::edge::{AllowedHosts, EdgeLimits, EdgeRules};
use sluice_transport::{
    BodyLimits, ConnectionLimits, Peer, Service, Snapshot, TlsMaterial, TlsSwap, Workers, WorkersSpec, body,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Which certificate a client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    Good,
    Revoked,
    Expired,
    NotYetValid,
    Foreign,
    ServerUsage,
    Nothing,
}

/// Throw-away certificates in a directory.
pub(crate) struct Pki {
    dir: TempDir,
    authority: Issuer<'static, KeyPair>,
    foreign: Issuer<'static, KeyPair>,
}

/// Serial number of the revoked certificate; its first bit is set, so DER puts a zero before it.
const REVOKED_SERIAL: &[u8] = &[0x9a, 0x01, 0x02];

impl Pki {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = authority("Sluice Test CA", &dir.path().join("ca.pem"));
        let foreign = authority_of(&dir, "Foreign CA");
        let pki = Self { dir, authority, foreign };
        pki.issue("server", &pki.authority, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        pki.issue("good", &pki.authority, |_| {});
        pki.issue("revoked", &pki.authority, |params| {
            params.serial_number = Some(SerialNumber::from_slice(REVOKED_SERIAL));
        });
        pki.issue("expired", &pki.authority, |params| params.not_after = date_time_ymd(2020, 1, 1));
        pki.issue("notyetvalid", &pki.authority, |params| params.not_before = date_time_ymd(2090, 1, 1));
        pki.issue("foreign", &pki.foreign, |_| {});
        pki.issue("serverusage", &pki.authority, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        pki
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn issue(&self, name: &str, issuer: &Issuer<'_, KeyPair>, change: impl FnOnce(&mut CertificateParams)) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2015, 1, 1);
        params.not_after = date_time_ymd(2095, 1, 1);
        change(&mut params);
        let certificate = params.signed_by(&key, issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// A list that revokes [`Shows::Revoked`], signed by our CA or by the foreign one.
    pub(crate) fn revocation_list(&self, is_ours: bool) -> String {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2094, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from_slice(REVOKED_SERIAL),
                revocation_time: date_time_ymd(2024, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = if is_ours { &self.authority } else { &self.foreign };
        params.signed_by(issuer).unwrap().pem().unwrap()
    }

    pub(crate) fn material(&self) -> TlsMaterial {
        TlsMaterial::load(&self.path("server.pem"), &self.path("server.key"), &self.path("ca.pem")).unwrap()
    }

    pub(crate) fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).unwrap()
    }

    pub(crate) fn client(&self, shows: Shows, alpn: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let name = format!("{shows:?}").to_ascii_lowercase();
        let mut config = if shows == Shows::Nothing {
            builder.with_no_client_auth()
        } else {
            let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(vec![self.certificate(&name)], key).unwrap()
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}

fn authority_of(dir: &TempDir, name: &str) -> Issuer<'static, KeyPair> {
    authority(name, &dir.path().join("foreign-ca.pem"))
}

fn authority(name: &str, path: &std::path::Path) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    std::fs::write(path, params.self_signed(&key).unwrap().pem()).unwrap();
    Issuer::new(params, key)
}

/// What a test decides about its listener.
pub(crate) struct Setup {
    pub(crate) workers: usize,
    pub(crate) limits: ConnectionLimits,
    pub(crate) edge: EdgeLimits,
    pub(crate) body: BodyLimits,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            workers: 1,
            limits: ConnectionLimits::default(),
            edge: EdgeLimits::default(),
            body: BodyLimits::default(),
        }
    }
}

/// Holds requests to `/wait` until a test lets them go.
pub(crate) struct Gate {
    pub(crate) entered: Semaphore,
    pub(crate) open: Semaphore,
}

/// A running listener.
pub(crate) struct Site {
    pub(crate) workers: Workers,
    pub(crate) pki: Pki,
    pub(crate) gate: Arc<Gate>,
    pub(crate) swap: TlsSwap,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let pki = Pki::new();
        let gate = Arc::new(Gate { entered: Semaphore::new(0), open: Semaphore::new(0) });
        let swap = TlsSwap::new(pki.material().server_config().unwrap());
        let spec = WorkersSpec {
            addr: ([127, 0, 0, 1], 0).into(),
            workers: setup.workers,
            tls: swap.clone(),
            rules: EdgeRules { hosts: AllowedHosts::new(["localhost", "127.0.0.1"]).unwrap(), limits: setup.edge },
            limits: setup.limits,
        };
        let (held, body) = (Arc::clone(&gate), setup.body);
        let make = move |_| Answers { gate: Arc::clone(&held), body: body.clone() };
        Self { workers: Workers::start(spec, make).unwrap(), pki, gate, swap }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.workers.metrics()[0].snapshot()
    }

    /// Waits until the worker has counted something: it does so after the peer has seen it.
    pub(crate) async fn wait_for(&self, is_so: impl Fn(&Snapshot) -> bool) {
        let mut again = tokio::time::interval(Duration::from_millis(5));
        let waiting = async {
            while !is_so(&self.snapshot()) {
                again.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", self.snapshot()));
    }

    pub(crate) async fn connect(&self, shows: Shows, alpn: &[&str], name: &str) -> io::Result<TlsStream<TcpStream>> {
        self.connect_with(Arc::new(self.pki.client(shows, alpn)), name).await
    }

    pub(crate) async fn connect_with(&self, config: Arc<ClientConfig>, name: &str) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.workers.addr()).await?;
        TlsConnector::from(config).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
    }

    /// A connection without ALPN and without server name.
    pub(crate) async fn plain_client(&self) -> TlsStream<TcpStream> {
        self.connect(Shows::Good, &[], "127.0.0.1").await.unwrap()
    }

    /// Sends bytes over a connection of their own and returns everything until the close.
    pub(crate) async fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.plain_client().await;
        stream.write_all(bytes).await.unwrap();
        read_to_close(&mut stream).await
    }
}

/// Everything until the peer closes; a reset counts as a close.
pub(crate) async fn read_to_close(stream: &mut TlsStream<TcpStream>) -> String {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all);
    tokio::time::timeout(PATIENCE, read).await.expect("the connection is closed").ok();
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads one answer with a `Content-Length`; `None` if the connection ends before it began.
pub(crate) async fn read_answer(stream: &mut TlsStream<TcpStream>) -> Option<String> {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return Some(text);
            }
        }
        let mut piece = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await.expect("an answer in time");
        match read {
            Ok(count) if count > 0 => all.extend_from_slice(&piece[..count]),
            _ if all.is_empty() => return None,
            _ => panic!("the answer breaks off: {text}"),
        }
    }
}

struct Answers {
    gate: Arc<Gate>,
    body: BodyLimits,
}

/// Larger than every buffer between us and a client that does not read.
const BIG_BYTES: usize = 32 * 1024 * 1024;

impl Service for Answers {
    type Body = Full<Bytes>;

    fn party(&self, peer: &Peer) -> Box<str> {
        format!("{:?}", peer.fingerprint).into()
    }

    async fn call(self: Rc<Self>, request: Request<Incoming>, peer: Rc<Peer>) -> Response<Self::Body> {
        match request.uri().path() {
            "/echo" => match body::read(request.into_body(), &self.body).await {
                Ok(body) => Response::new(Full::new(body)),
                Err(fault) => refusal(&fault.into()),
            },
            "/wait" => {
                self.gate.entered.add_permits(1);
                self.gate.open.acquire().await.unwrap().forget();
                text("waited")
            }
            "/big" => Response::new(Full::new(vec![b'x'; BIG_BYTES].into())),
            "/panic" => panic!("on purpose"),
            "/peer" => text(&format!("{:?} resumed={}", peer.protocol, peer.tls_resumed)),
            path => text(&format!("reached {path}")),
        }
    }

    fn refuse(
        self: Rc<Self>,
        _head: &request::Parts,
        _peer: Rc<Peer>,
        why: Refusal,
    ) -> impl Future<Output = Response<Self::Body>> {
        std::future::ready(refusal(&why))
    }
}

fn text(text: &str) -> Response<Full<Bytes>> {
    Response::new(Full::new(text.to_owned().into()))
}

fn refusal(refusal: &Refusal) -> Response<Full<Bytes>> {
    let fault = refusal.facts().iter().find_map(|fact| match fact {
        Fact::Fault(fault) => Some(format!("{fault:?}")),
        _ => None,
    });
    let mut response = text(&format!("{} {}", refusal.code.as_str(), fault.unwrap_or_default()));
    *response.status_mut() = sluice_transport::problem::status(refusal);
    response
}

/// A service for listeners that never start.
pub(crate) fn nothing() -> impl Service {
    Answers {
        gate: Arc::new(Gate { entered: Semaphore::new(0), open: Semaphore::new(0) }),
        body: BodyLimits::default(),
    }
}
