//! The little of URLs that the configuration needs: an origin, host and port.

/// `host[:port]` of an `https` origin without path, query or credentials.
pub(crate) fn https_authority(url: &str) -> Option<&str> {
    url.strip_prefix("https://").filter(|authority| is_authority(authority))
}

/// Origin and path of an `http` or `https` address; the path is empty, or begins with a slash and does not end with one.
pub(crate) fn origin_and_path(text: &str) -> Option<(String, String)> {
    let (scheme, rest) = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
    let path = path.trim_end_matches('/');
    let is_plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b));
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    (is_authority(authority) && is_plain).then(|| (format!("{scheme}://{authority}"), path))
}

/// Whether a text is `host` or `host:port`, the host a DNS name, an IPv4 address or `[IPv6]`.
pub(crate) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let digits_only = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    port.is_none_or(|port| digits_only(port) && port.parse::<u16>().is_ok_and(|port| port > 0)) && is_host(host)
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    host.len() <= 253
        && host.split('.').all(|label| {
            let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_https_origin_is_a_public_url() {
        let rows = [
            ("https://127.0.0.1:8443", Some("127.0.0.1:8443")),
            ("https://exchange.example.gov.cn", Some("exchange.example.gov.cn")),
            ("https://[::1]:8443", Some("[::1]:8443")),
            ("https://[::1]", Some("[::1]")),
            ("https://host:8443/", None),
            ("https://host:8443/path", None),
            ("https://user@host", None),
            ("https://host:0", None),
            ("https://host:70000", None),
            ("https://host:+443", None),
            ("https://", None),
            ("http://host", None),
            ("https://a..b", None),
        ];
        for (url, expected) in rows {
            assert_eq!(https_authority(url), expected, "{url}");
        }
    }

    #[test]
    fn an_address_is_an_origin_and_a_path() {
        let rows = [
            ("http://127.0.0.1:8500", Some(("http://127.0.0.1:8500", ""))),
            ("https://w.example.gov.cn/", Some(("https://w.example.gov.cn", ""))),
            ("https://w.example.gov.cn/city/a/", Some(("https://w.example.gov.cn", "/city/a"))),
            ("ftp://w.example", None),
            ("https://user@w.example", None),
            ("https://w.example?x", None),
            ("https://w.example/a?x", None),
            ("w.example", None),
        ];
        for (text, expected) in rows {
            let expected = expected.map(|(origin, path)| (origin.to_owned(), path.to_owned()));
            assert_eq!(origin_and_path(text), expected, "{text}");
        }
    }
}
