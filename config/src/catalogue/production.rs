//! What a node of real departments and citizens is warned of in its catalogue.

use std::net::IpAddr;

use sluice_contract::spec::RestSpec;

use crate::catalogue::places::{Findings, Placed};
use crate::catalogue::sealed::texts;
use crate::catalogue::written::json;

/// Citizens' data should cross no network in clear. A warning, not a fault: there are departmental systems that speak
/// nothing else, and whether their network may be trusted is not for a parser to say.
pub(crate) fn check(bindings: &[Placed<RestSpec>], findings: &mut Findings<'_, '_>) {
    for binding in bindings {
        texts(&mut json(&binding.entry), "", &mut |place, text| {
            let key = place.split('.').rfind(|part| part.parse::<usize>().is_err()).unwrap_or(place);
            let is_address = key == "base_url" || key == "instances" || key.ends_with("_url");
            if is_address && is_plain_and_remote(text) {
                let message = format!("\"{key}\": plain HTTP to another machine in production");
                let hint = "write https://… with tls = { ca = \"…\" }";
                findings.warning(&binding.at.below(place), message, Some(hint.to_owned()));
            }
        });
    }
}

fn is_plain_and_remote(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((v6, _)) => v6,
        None => authority.split(':').next().unwrap_or(authority),
    };
    let is_here = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    scheme.eq_ignore_ascii_case("http") && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_in_clear() {
        for (url, expected) in [
            ("http://10.0.0.1/api", true),
            ("HTTP://mz.example.gov.cn:80", true),
            ("http://localhost.example.gov.cn", true),
            ("http://127.0.0.1@evil.example", true),
            ("http://127.0.0.1:9001/a", false),
            ("http://[::1]:9001", false),
            ("http://localhost", false),
            ("https://10.0.0.1", false),
        ] {
            assert_eq!(is_plain_and_remote(url), expected, "{url}");
        }
    }
}
