//! What a node of real departments and citizens is warned of, and a node for tests is not.

use crate::site::Site;

fn warnings(site: &Site) -> Vec<(usize, String)> {
    let warnings = site.load().unwrap_or_else(|faults| panic!("{faults}")).catalogue.warnings;
    warnings.into_iter().map(|warning| (warning.line, warning.message)).collect()
}

#[test]
fn plain_http_to_another_machine_is_warned_of_in_production_only() {
    let site = Site::of_samples();
    let plain = |line| (line, "\"base_url\": plain HTTP to another machine in production".to_owned());
    assert_eq!(warnings(&site), [plain(152), plain(158)]);
    let secure = "base_url = \"https://10.20.0.11:9001\"\ntls = { ca = \"pki/ca.pem\" }";
    site.replace("catalogue.toml", "base_url = \"http://10.20.0.11:9001\"", secure);
    assert_eq!(warnings(&site), [plain(159)]);
    site.replace("sluice.toml", "environment = \"production\"", "environment = \"test\"");
    assert!(warnings(&site).is_empty());
}
