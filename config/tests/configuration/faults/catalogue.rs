//! Rules of the catalogue and its references.

use super::{C, check};
use crate::site::Site;

#[test]
fn dangling_references_name_the_nearest_id() {
    check(&[
        (
            C,
            "id = \"mz.main\"\nparty = \"mz\"",
            "id = \"mz.main\"\nparty = \"zm\"",
            &["catalogue.toml:26:9: there is no party \"zm\"; did you mean \"mz\"?"],
        ),
        (
            C,
            "departments = [\"mz\"]",
            "departments = [\"mz\", \"town\"]",
            &["catalogue.toml:84:22: there is no party \"town\"; known: ga, mz"],
        ),
        (
            C,
            "purposes = [\"SHJZ\", \"XZXK\"]",
            "purposes = [\"SHJZ\", \"XZKX\"]",
            &["catalogue.toml:83:21: there is no purpose \"XZKX\"; did you mean \"XZXK\"?"],
        ),
        (
            C,
            "fields = [\"GMSFHM\", \"XM\", \"CSRQ\"]",
            "fields = [\"GMSFMH\", \"XM\", \"CSRQ\"]",
            &["catalogue.toml:138:11: there is no item \"GMSFMH\" in this resource; did you mean \"GMSFHM\"?"],
        ),
        (
            C,
            "resource = \"101001001/000002\"\nmodes",
            "resource = \"101001001/000003\"\nmodes",
            &["catalogue.toml:136:12: there is no resource \"101001001/000003\"; did you mean \"101001001/000001\"?"],
        ),
        (
            C,
            "key_sets = [[\"GMSFHM\"]]         #",
            "key_sets = [[\"GMSFHN\"]] #",
            &["catalogue.toml:51:14: there is no item \"GMSFHN\" in this resource; did you mean \"GMSFHM\"?"],
        ),
        (
            C,
            "resource = \"101001001/000001\"\nbase_url",
            "resource = \"101001001/100001\"\nbase_url",
            &["catalogue.toml:151:12: there is no resource \"101001001/100001\"; did you mean \"101001001/000001\"?"],
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "rows of data")]
fn rules_of_the_catalogue_are_checked_at_their_place() {
    check(&[
        (
            C,
            "uscc = \"11430689T000000282\"",
            "uscc = \"11430689T000000283\"",
            &[
                "catalogue.toml:14:8: \"uscc\": not a 统一社会信用代码 (GB 32100): wrong form or check digit; example: uscc = \"11430689T000000282\"",
            ],
        ),
        (
            C,
            "key = \"ga\"",
            "key = \"g.a\"",
            &[
                "catalogue.toml:7:7: not a valid party key: 1–32 characters of [A-Za-z0-9_-], the first a letter or digit",
                "catalogue.toml:45:12: there is no party \"ga\"; did you mean \"g.a\"?",
                "catalogue.toml:75:12: there is no party \"ga\"; did you mean \"g.a\"?",
                "catalogue.toml:125:12: there is no party \"ga\"; did you mean \"g.a\"?",
            ],
        ),
        (
            C,
            "id = \"u-0002\"",
            "id = \"u-0001\"",
            &["catalogue.toml:20:10: handler \"u-0001\" of party \"mz\" is declared twice"],
        ),
        (
            C,
            "id = \"u-0002\"",
            "id = \"430689198503120011\"",
            &["catalogue.toml:20:10: \"id\": a citizen's id never names a handler (X03); example: id = \"u-0001\""],
        ),
        (
            C,
            "# secret = false",
            "secret = true",
            &["catalogue.toml:56:10: \"secret\": a secret resource is never registered here (D03-1)"],
        ),
        (
            C,
            "share_type = \"not_shared\"",
            "share_type = \"not_shared\"\nmodes = [\"query\"]",
            &["catalogue.toml:127:9: \"modes\": a not-shared resource offers none (D17-4); example: modes = []"],
        ),
        (
            C,
            "legal_basis = \"《治安管理处罚法》第一百三十六条\"\n",
            "",
            &[
                "catalogue.toml:122:1: resource \"301001001/000014\": a not-shared resource needs its legal basis (D17-4)",
            ],
        ),
        (
            C,
            "code = \"XM\"\nname",
            "code = \"GMSFHM\"\nname",
            &[
                "catalogue.toml:106:8: item \"GMSFHM\" is declared twice",
                "catalogue.toml:138:21: there is no item \"XM\" in this resource; known: GMSFHM, CSRQ",
            ],
        ),
        (
            C,
            "per_day = 2000\n",
            "per_day = 0\n",
            &[
                "catalogue.toml:88:11: \"per_day\": a limit is at least 1; leave it out for no limit; to forbid, suspend the grant",
            ],
        ),
        (
            C,
            "clear_fields = [\"CSRQ\"]",
            "clear_fields = [\"CSRQ\"]\nclear_level = \"L4\"",
            &[
                "catalogue.toml:141:15: \"clear_level\": L1, L2 or L3; an L4 item is clear only by name (X01); name the items in clear_fields",
            ],
        ),
        (
            C,
            "valid_until = \"2027-12-31\"",
            "valid_until = \"2027-13-31\"",
            &["catalogue.toml:146:15: \"valid_until\": not a day; example: valid_until = \"2026-12-31\""],
        ),
        (
            C,
            "valid_until = \"2027-12-31\"",
            "valid_until = \"2025-12-31\"",
            &["catalogue.toml:133:1: grant \"G-0001\": it ends before it begins"],
        ),
        (
            C,
            "purposes = [\"SHJZ\"]\n",
            "purposes = []\n",
            &["catalogue.toml:143:12: \"purposes\": a grant names at least one; example: purposes = [\"SHJZ\"]"],
        ),
        (
            C,
            "[[grants]]\n",
            "[[grants]]\nid = \"G-0001\"\nparty = \"mz\"\nresource = \"101001001/000002\"\nmodes = [\"query\"]\nfields = [\"XM\"]\npurposes = [\"SHJZ\"]\nvalid_from = \"2026-01-01\"\nvalid_until = \"2026-12-31\"\n\n[[grants]]\n",
            &["catalogue.toml:143:1: grant \"G-0001\" is declared twice; first at catalogue.toml:133"],
        ),
        (
            C,
            "code = \"XZXK\"",
            "code = \"SHJZ\"",
            &[
                "catalogue.toml:35:1: purpose \"SHJZ\" is declared twice; first at catalogue.toml:31",
                "catalogue.toml:83:21: there is no purpose \"XZXK\"; known: SHJZ",
            ],
        ),
        (
            C,
            "semantic = \"cn_id18\"\nkey = true",
            "key = true",
            &["catalogue.toml:86:13: \"row_scope\": by_subject needs a key item with semantic = \"cn_id18\""],
        ),
        (
            C,
            "published = \"2026-09-01\"",
            "published = \"2026年9月1日\"",
            &["catalogue.toml:60:13: \"published\": not a day; example: published = \"2026-12-31\""],
        ),
        (
            C,
            "modes = [\"verify\"]              # verify",
            "modes = []  #",
            &["catalogue.toml:40:1: resource \"101001001/000001\": a shared resource offers at least one mode (D20)"],
        ),
        (
            C,
            "[[rest]]\nresource = \"101001001/000001\"",
            "[[rest]]\nresource = \"101001001/000002\"",
            &[
                "catalogue.toml:153:9: \"style\": the resource offers queries, but the binding has no operation for them; example: [rest.query]",
                "catalogue.toml:157:12: resource \"101001001/000002\" has two bindings",
            ],
        ),
    ]);
}

#[test]
fn certificates_and_bindings_belong_to_one_thing_each() {
    let second = "certificates = [\"pki/parties/mz/cert.pem\"]\n\n[[systems]]\nid = \"ga.main\"\nparty = \"ga\"\ncertificates = [\"pki/parties/mz/cert.pem\"]";
    let certificates = "certificates = [\"pki/parties/mz/cert.pem\"]";
    check(&[
        (C, certificates, second, &["catalogue.toml:32:17: this certificate already stands for system \"mz.main\""]),
        (
            C,
            certificates,
            "",
            &[
                "catalogue.toml:24:1: system \"mz.main\" has neither certificates nor fingerprints: nothing could call as it; example: certificates = [\"pki/parties/mz/cert.pem\"]",
            ],
        ),
        (
            C,
            certificates,
            "fingerprints = [\"00:11\"]",
            &[
                "catalogue.toml:27:17: a fingerprint is 64 hexadecimal digits (SHA-256 of the certificate); print it: openssl x509 -in cert.pem -noout -fingerprint -sha256",
            ],
        ),
        (
            C,
            "share_type = \"not_shared\"",
            "share_type = \"unconditional\"\nmodes = [\"query\", \"push\"]",
            &[
                "catalogue.toml:122:1: resource \"301001001/000014\" offers query but has no binding; add [[rest]] with resource, base_url and style = \"standard\", or leave these modes out until it is docked",
            ],
        ),
        (
            C,
            "fields = { GMSFHM = \"sfzh\"",
            "fields = { GMSFHN = \"sfzh\"",
            &[
                "catalogue.toml:167:21: \"query.fields.GMSFHN\": the resource has no such item; example: one of GMSFHM, XM, CSRQ",
            ],
        ),
    ]);
}

/// Where nothing is warned of but what a test puts there.
fn for_tests() -> Site {
    let site = Site::of_samples();
    site.replace("sluice.toml", "environment = \"production\"", "environment = \"test\"");
    site
}

#[test]
fn base_data_without_confirmation_is_warned_of() {
    let site = for_tests();
    let text = site.read(C);
    let start = text.find("[resources.confirmation]").unwrap();
    let end = text[start..].find("\n\n").unwrap() + start;
    site.write(C, &format!("{}{}", &text[..start], &text[end..]));
    let warnings = site.load().unwrap().catalogue.warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(
        (warnings[0].line, warnings[0].message.as_str()),
        (71, "base data is conditional without an authority's confirmation (D17-2)")
    );
}

#[test]
fn a_grant_of_a_mode_that_is_not_offered_is_warned_of() {
    let site = for_tests();
    let text = site.read(C);
    let edited = text.replacen("modes = [\"query\"]\n", "modes = [\"query\", \"push\"]\n", 1);
    assert_ne!(text, edited);
    site.write(C, &edited);
    let warnings = site.load().unwrap().catalogue.warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.ends_with("does not offer push"), "{}", warnings[0].message);
}
