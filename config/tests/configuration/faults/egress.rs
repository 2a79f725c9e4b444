//! Addresses that may not be called.

use super::{C, S, check};
use crate::site::Site;

#[test]
fn addresses_that_may_not_be_called_are_told_offline() {
    let allowed = Site::of_samples();
    let inside =
        |site: &Site| site.replace(C, "base_url = \"http://10.20.0.11:9001\"", "base_url = \"http://127.0.0.1:9001\"");
    inside(&allowed);
    allowed.replace(S, "# allow = []  ", "allow = [\"127.0.0.0/8\"] #");
    assert!(allowed.load().is_ok());
    let test = Site::of_samples();
    inside(&test);
    test.replace(S, "environment = \"production\"", "environment = \"test\"");
    assert!(test.load().is_ok(), "demonstrations call the machine itself");
    let production = Site::of_samples();
    inside(&production);
    assert_eq!(
        production.faults(),
        [
            "catalogue.toml:152:12: \"base_url\": 127.0.0.1 is not called: in production neither this machine nor link-local or metadata addresses are; in sluice.toml: [egress] allow = [\"127.0.0.1\"]"
        ]
    );
    check(&[(
        S,
        "# allow = []  ",
        "allow = [\"127.0.0.1/8\"] #",
        &[
            "sluice.toml:96:10: \"allow\": not an address or a range such as 127.0.0.0/8, without bits behind the prefix; example: allow = [\"127.0.0.0/8\", \"::1\"]",
        ],
    )]);
}
