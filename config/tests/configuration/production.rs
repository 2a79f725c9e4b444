//! What a node of real departments and citizens does not put up with, and a node for tests does.

use crate::site::Site;

const PLAIN: (&str, &str) = ("http://127.0.0.1:9002/api", "http://10.1.2.3:9002/api");

#[test]
fn plain_http_to_another_machine_is_refused_in_production_only() {
    let site = Site::of_samples();
    site.replace("catalogue.toml", PLAIN.0, PLAIN.1);
    assert_eq!(
        site.faults(),
        [
            "catalogue.toml:158:12: \"base_url\": plain HTTP to another machine in production; write https://… with tls = { ca = \"…\" }, or name a TLS proxy on 127.0.0.1"
        ]
    );
    site.replace("sluice.toml", "environment = \"production\"", "environment = \"test\"");
    assert!(site.load().is_ok());
}
