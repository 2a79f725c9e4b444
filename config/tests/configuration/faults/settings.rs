//! Values of settings, and secrets.

use sluice_config::settings::SubjectKeys;

use super::{C, S, check};
use crate::site::Site;

#[test]
fn values_of_settings_are_checked_at_their_place() {
    check(&[
        (
            S,
            "name = \"node-1\"",
            "name = \"node 1\"",
            &[
                "sluice.toml:7:8: \"name\": 1–64 characters of [A-Za-z0-9._-], the first a letter or digit; example: name = \"node-1\"",
            ],
        ),
        (
            S,
            "listen = \"0.0.0.0:8443\"",
            "listen = \"8443\"",
            &["sluice.toml:13:10: \"listen\": an IP address and a port; example: listen = \"127.0.0.1:8443\""],
        ),
        (
            S,
            "public_url = \"https://exchange.example.gov.cn:8443\"   #",
            "public_url = \"http://exchange.example.gov.cn\" #",
            &[
                "sluice.toml:14:14: \"public_url\": https://host[:port] without a path; example: public_url = \"https://exchange.example.gov.cn:8443\"",
            ],
        ),
        (
            S,
            "hosts = [\"exchange.example.gov.cn:8443\"]  ",
            "hosts = [\"https://exchange.example.gov.cn\"]",
            &[
                "sluice.toml:15:10: \"hosts\": a host is host or host:port; example: hosts = [\"exchange.example.gov.cn:8443\"]",
            ],
        ),
        (
            S,
            "# connections_max = 10000 ",
            "connections_max = 0",
            &["sluice.toml:24:19: \"connections_max\": 0 is not between 1 and 1000000; default: 10000"],
        ),
        (
            S,
            "# head_ms = 5000 ",
            "head_ms = 9999999",
            &["sluice.toml:36:11: \"head_ms\": 9999999 is not between 100 and 60000; default: 5000"],
        ),
        (
            S,
            "# leeway_s = 5 ",
            "leeway_s = 60",
            &["sluice.toml:61:12: \"leeway_s\": 60 is not between 0 and 30; default: 5"],
        ),
        (
            S,
            "origin = \"exchange",
            "origin = \"https://exchange",
            &[
                "sluice.toml:52:10: \"origin\": 1–200 printable ASCII characters without spaces, quotes, \"+\" or \"://\"; example: origin = \"exchange.example.gov.cn/access/node-1\"",
            ],
        ),
        (
            S,
            "per_second = 100 ",
            "per_second = 0",
            &["sluice.toml:72:14: \"per_second\": 0 is not between 1 and 1000000000; leave it out for no limit"],
        ),
        (
            S,
            "issuer = \"https://sso.example.gov.cn\"",
            "issuer = \"sso\"",
            &["sluice.toml:66:10: \"issuer\": an https URL; example: issuer = \"https://sso.example.gov.cn\""],
        ),
    ]);
}

#[test]
fn a_key_service_is_spoken_to_over_tls_with_a_certificate_of_ours() {
    const MEMBERS: &str = "ca = \"pki/ca.pem\", certificate = \"pki/server/cert.pem\"";
    let of = |url: &str, key: &str| format!("key_service = {{ url = \"{url}\", {MEMBERS}, key = \"{key}\" }}");
    let site = Site::of_samples();
    site.replace(S, "key = \"file:keys/subjects.hex\"", &of("https://keys.example/epochs/", "file:keys/a.pem"));
    let loaded = site.load().unwrap();
    let SubjectKeys::Service(service) = &loaded.settings.subjects.keys else { panic!("a key service") };
    assert_eq!((service.origin.as_str(), service.path.as_str()), ("https://keys.example", "/epochs"));
    for (given, fault) in [
        (
            of("http://keys.example", "file:keys/a.pem"),
            "sluice.toml:80:23: \"url\": an https address, without query or user: keys do not go in clear; example: url = \"https://keys.privacy.example.gov.cn:8451\"",
        ),
        (of("https://keys.example", "env:KEY"), "sluice.toml:80:109: \"key\": a file: file:PATH"),
        (
            format!("{}\nkeys_dir = \".\"", of("https://keys.example", "file:keys/a.pem")),
            "sluice.toml:79:1: \"key\", \"keys_dir\" or \"key_service\": exactly one of them; make one: openssl rand -hex 32",
        ),
    ] {
        let site = Site::of_samples();
        site.replace(S, "key = \"file:keys/subjects.hex\"", &given);
        assert_eq!(site.faults(), [fault]);
    }
}

#[test]
fn secrets_in_clear_are_refused_and_not_repeated() {
    check(&[
        (
            S,
            "key = \"file:keys/subjects.hex\"",
            "key = \"5a5a5a\"",
            &["sluice.toml:80:7: \"key\": not a reference to a secret; write \"file:keys/node.pem\" or \"env:NAME\""],
        ),
        (
            S,
            "key = \"file:pki/server/key.pem\"",
            "key = \"pki/server/key.pem\"",
            &["sluice.toml:17:7: \"key\": not a reference to a secret; write \"file:keys/node.pem\" or \"env:NAME\""],
        ),
        (
            S,
            "key = \"file:pki/server/key.pem\"",
            "key = \"env:PATH\"",
            &[
                "sluice.toml:17:7: \"key\": the listener's key is read from a file; example: key = \"file:pki/server/key.pem\"",
            ],
        ),
        (
            S,
            "signing_key = \"file:keys/token.pem\"",
            "signing_key = \"env:SLUICE_TEST_KEY_THAT_IS_NEVER_SET\"",
            &["sluice.toml:59:15: env:SLUICE_TEST_KEY_THAT_IS_NEVER_SET is not set in the environment"],
        ),
        (
            C,
            "X-App-Secret = \"file:keys/provider.txt\"",
            "X-App-Secret = \"4711\"",
            &[
                "catalogue.toml:160:28: \"headers.X-App-Secret\" carries a secret: write a reference to it; write \"file:keys/node.pem\" or \"env:NAME\"",
            ],
        ),
        (
            C,
            "X-App-Secret = \"file:keys/provider.txt\"",
            "X-App-Secret = \"file:keys/none.txt\"",
            &[
                "catalogue.toml:160:28: \"headers.X-App-Secret\": file:keys/none.txt cannot be read: No such file or directory (os error 2); write \"file:keys/node.pem\" or \"env:NAME\"",
            ],
        ),
    ]);
}
