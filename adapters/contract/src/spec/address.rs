//! Which addresses a binding may name.

use std::net::IpAddr;

use http::Uri;

use super::{RestSpec, SpecFault};

/// Most instances of one binding.
const INSTANCES_MAX: usize = 32;

impl RestSpec {
    /// Scheme, host and path of the provider, of its first instance if there are several.
    ///
    /// # Errors
    /// When it is not an address that the exchange may call.
    pub fn address(&self) -> Result<Uri, SpecFault> {
        let first = self.instances.first().unwrap_or(&self.base_url);
        let place = if self.instances.is_empty() { "base_url" } else { "instances.0" };
        address(place, first)
    }

    /// Every valid address that the binding makes the exchange call, with its place: instances and token
    /// endpoint.
    pub fn called(&self) -> Vec<(String, Uri)> {
        let instances = self.instances.iter().enumerate().map(|(nth, text)| (format!("instances.{nth}"), text));
        let base = self.instances.is_empty().then(|| ("base_url".to_owned(), &self.base_url));
        let token = self.auth.iter().filter_map(|auth| Some(("auth.token_url".to_owned(), auth.token_url.as_ref()?)));
        let named = base.into_iter().chain(instances).chain(token);
        named.filter_map(|(place, text)| address(&place, text).ok().map(|uri| (place, uri))).collect()
    }

    /// Scheme, host and path of every instance, in the order of the declaration; at least one. All have the
    /// same scheme and path.
    ///
    /// # Errors
    /// Every address that the exchange may not call.
    pub fn addresses(&self) -> Result<Vec<Uri>, Vec<SpecFault>> {
        if self.instances.is_empty() {
            return address("base_url", &self.base_url).map(|one| vec![one]).map_err(|fault| vec![fault]);
        }
        let example = "instances = [\"https://a.example.gov.cn/api\", \"https://b.example.gov.cn/api\"]";
        let mut faults = Vec::new();
        let mut fault = |place: String, fault: &str| faults.push(SpecFault::new(place, fault, example));
        if !self.base_url.is_empty() {
            fault("base_url".to_owned(), "the instances are the addresses: one of both goes");
        }
        if self.instances.len() > INSTANCES_MAX {
            fault("instances".to_owned(), "at most 32 instances");
        }
        let mut found: Vec<Uri> = Vec::new();
        for (nth, text) in self.instances.iter().enumerate() {
            let place = format!("instances.{nth}");
            match address(&place, text) {
                Err(fault) => faults.push(fault),
                Ok(uri) => {
                    let mut fault = |fault: &str| faults.push(SpecFault::new(&place, fault, example));
                    if found.first().is_some_and(|first| first.scheme() != uri.scheme() || path(first) != path(&uri)) {
                        fault("all instances have the same scheme and path");
                    }
                    if found.iter().any(|other| other.authority() == uri.authority()) {
                        fault("the instance stands there twice");
                    }
                    found.push(uri);
                }
            }
        }
        if faults.is_empty() { Ok(found) } else { Err(faults) }
    }
}

fn path(uri: &Uri) -> &str {
    uri.path().trim_end_matches('/')
}

/// An address that the exchange may call.
pub(crate) fn address(place: &str, text: &str) -> Result<Uri, SpecFault> {
    let wrong = |fault: &str| SpecFault::new(place, fault, "https://mz.example.gov.cn/exchange");
    let uri: Uri = text.parse().map_err(|_| wrong("not a URL"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("scheme and host are needed"));
    };
    if uri.query().is_some() || text.contains('#') {
        return Err(wrong("no query and no fragment: declare query parameters in the operation"));
    }
    if authority.as_str().contains('@') {
        return Err(wrong("no user and password in the URL: use auth"));
    }
    let bad_port = authority
        .as_str()
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']') && port.parse::<u16>().is_err());
    if authority.host().is_empty() || bad_port || authority.port_u16() == Some(0) {
        return Err(wrong("host and port are not valid"));
    }
    let below = path(&uri);
    if !below.is_empty() && !crate::template::is_plain_path(below) {
        return Err(wrong("the path has empty segments, dot segments or encoded separators"));
    }
    check_host(scheme, authority.host()).map_err(wrong)?;
    Ok(uri)
}

/// Plain HTTP stays on the machine or in a private network; link-local addresses (cloud metadata
/// among them) are never called.
fn check_host(scheme: &str, host: &str) -> Result<(), &'static str> {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let (is_inside, is_barred) = match ip {
        Some(IpAddr::V4(v4)) => (
            v4.is_loopback() || v4.is_private(),
            v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        ),
        Some(IpAddr::V6(v6)) => {
            let barred =
                v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || v6.to_ipv4_mapped().is_some();
            (v6.is_loopback() || v6.is_unique_local(), barred)
        }
        None => (host == "localhost", false),
    };
    match scheme {
        _ if is_barred => Err("link-local, unspecified and multicast addresses are not called"),
        "https" => Ok(()),
        "http" if is_inside => Ok(()),
        "http" => Err("plain http only to localhost or a private address"),
        _ => Err("the scheme is https, or http on a private address"),
    }
}
