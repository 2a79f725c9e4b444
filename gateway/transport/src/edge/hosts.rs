//! Which exchange a request is for: `Host`, the authority of the target and the server name of TLS
//! must all say the same, and it must be us.

use http::HeaderValue;
use sluice_domain::{Code, Fault, Refusal};
use thiserror::Error;

use super::{Head, malformed};

/// Port of a host that names none.
const HTTPS_PORT: u16 = 443;

/// Names and addresses under which the exchange is called. An empty list accepts nothing.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts(Vec<Allowed>);

/// One of them, in lower case.
#[derive(Debug, Clone)]
struct Allowed {
    name: String,
    port: Option<u16>,
    /// As callers write it: with the port if only one is accepted.
    spelling: String,
}

/// An entry that is no host.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not a host name or address, with or without a port")]
pub struct HostError(String);

impl AllowedHosts {
    /// Hosts such as `exchange.example.cn`, `127.0.0.1:8443` or `[::1]`; without a port every port is accepted.
    ///
    /// # Errors
    /// The first entry that is no host.
    pub fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, HostError> {
        let parse = |text: &str| {
            let host = parse(text.as_bytes()).ok_or_else(|| HostError(text.to_owned()))?;
            let name = String::from_utf8_lossy(host.name).to_ascii_lowercase();
            let spelling = host.port.map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
            Ok(Allowed { name, port: host.port, spelling })
        };
        hosts.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    fn accepts(&self, host: &Host<'_>) -> bool {
        self.0.iter().any(|known| {
            host.name.eq_ignore_ascii_case(known.name.as_bytes())
                && known.port.is_none_or(|port| host.port_or_default() == port)
        })
    }

    /// Whether `text` is one of us to the letter, and the one that TLS was asked for.
    fn spells(&self, text: &[u8], sni: Option<&str>) -> bool {
        self.0.iter().any(|known| known.spelling.as_bytes() == text && sni.is_none_or(|sni| sni == known.name))
    }
}

#[derive(Clone, Copy)]
struct Host<'a> {
    name: &'a [u8],
    port: Option<u16>,
}

impl Host<'_> {
    fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(HTTPS_PORT)
    }

    fn is_same(&self, other: &Host<'_>) -> bool {
        self.name.eq_ignore_ascii_case(other.name) && self.port_or_default() == other.port_or_default()
    }
}

pub(super) fn check(head: &Head<'_>, host: Option<&HeaderValue>, allowed: &AllowedHosts) -> Result<(), Refusal> {
    let authority = head.uri.authority();
    // Ordinary callers write one host, and as we do.
    if authority.is_none() && host.is_some_and(|text| allowed.spells(text.as_bytes(), head.sni)) {
        return Ok(());
    }
    let authority = match authority {
        Some(authority) => Some(parse(authority.as_str().as_bytes()).ok_or_else(|| malformed(Fault::HostMismatch))?),
        None => None,
    };
    let named = match host {
        Some(value) => Some(parse(value.as_bytes()).ok_or_else(|| malformed(Fault::HostMismatch))?),
        None => None,
    };
    let host = match (named, authority) {
        (Some(named), Some(authority)) if !named.is_same(&authority) => {
            return Err(malformed(Fault::HostMismatch));
        }
        (Some(named), _) => named,
        // Only HTTP/2 may name its host in the target alone.
        (None, Some(authority)) if head.version == http::Version::HTTP_2 => authority,
        (None, _) => return Err(malformed(Fault::HostMissing)),
    };
    let is_asked_name = head.sni.is_none_or(|sni| host.name.eq_ignore_ascii_case(sni.as_bytes()));
    if is_asked_name && allowed.accepts(&host) { Ok(()) } else { Err(Refusal::new(Code::RequestMisdirected)) }
}

/// `name`, `name:port`, `1.2.3.4:port`, `[v6]:port`; nothing else, no user part, no blanks.
fn parse(text: &[u8]) -> Option<Host<'_>> {
    let name_end = if text.first() == Some(&b'[') {
        text.iter().position(|byte| *byte == b']')? + 1
    } else {
        text.iter().position(|byte| *byte == b':').unwrap_or(text.len())
    };
    let (name, rest) = text.split_at_checked(name_end)?;
    let is_name = match name {
        [b'[', inner @ .., b']'] => {
            !inner.is_empty() && inner.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        }
        _ => !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')),
    };
    let port = match rest {
        [] => None,
        [b':', digits @ ..] if (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) => {
            Some(std::str::from_utf8(digits).ok()?.parse().ok()?)
        }
        _ => return None,
    };
    is_name.then_some(Host { name, port })
}
