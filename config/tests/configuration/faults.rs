//! Every kind of mistake in the text of a file: told at its place, with its remedy, and nothing else.

use crate::site::Site;

const C: &str = "catalogue.toml";
const S: &str = "sluice.toml";

/// File, what stands there, what is written instead, the faults.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

fn check(rows: &[Row]) {
    for (file, old, new, expected) in rows {
        let site = Site::of_samples();
        site.replace(file, old, new);
        assert_eq!(site.faults(), *expected, "{file}: {new:?} for {old:?}");
    }
}

#[test]
fn misspelt_keys_are_told_with_the_nearest_known_one() {
    check(&[
        (
            C,
            "share_type = \"conditional\"",
            "share_tpye = \"conditional\"",
            &["catalogue.toml:76:1: unknown key \"share_tpye\"; did you mean \"share_type\"?"],
        ),
        (C, "[[grants]]", "[[grant]]", &["catalogue.toml:133:3: unknown section \"grant\"; did you mean \"grants\"?"]),
        (
            C,
            "row_scope = ",
            "rowscope = ",
            &["catalogue.toml:86:1: unknown key \"rowscope\"; did you mean \"row_scope\"?"],
        ),
        (
            C,
            "post = \"经办\" },",
            "pots = \"经办\" },",
            &["catalogue.toml:19:39: unknown key \"pots\"; did you mean \"post\"?"],
        ),
        (
            C,
            "records = \"/data/list\"",
            "record = \"/data/list\"",
            &["catalogue.toml:166:1: unknown key \"record\"; did you mean \"records\"?"],
        ),
        (
            C,
            "limits = { per_day",
            "limits = { perday",
            &["catalogue.toml:147:12: unknown key \"perday\"; did you mean \"per_day\"?"],
        ),
        (
            C,
            "kind = \"行政机关\"\n\n",
            "kind = \"行政机关\"\ncolour = \"red\"\n\n",
            &["catalogue.toml:11:1: unknown key \"colour\"; known: key, uscc, name, kind, state, handlers"],
        ),
        (S, "[ledger]", "[leger]", &["sluice.toml:50:2: unknown section \"leger\"; did you mean \"ledger\"?"]),
        (S, "origin = ", "orgin = ", &["sluice.toml:52:1: unknown key \"orgin\"; did you mean \"origin\"?"]),
        (
            S,
            "# idle_s = 75 ",
            "idle = 75 ",
            &[
                "sluice.toml:32:1: unknown key \"idle\"; known: connections_max, in_flight_max, header_bytes_max, headers_max, uri_bytes_max, body_bytes_max, answer_bytes_max, connection_age_max_s, idle_s",
            ],
        ),
        (S, "[limits]", "[limit]", &["sluice.toml:71:2: unknown section \"limit\"; did you mean \"limits\"?"]),
        (S, "jwks = ", "jkws = ", &["sluice.toml:68:1: unknown key \"jkws\"; did you mean \"jwks\"?"]),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "rows of data")]
fn wrong_words_and_types_are_told_without_their_values() {
    check(&[
        (
            C,
            "share_type = \"conditional\"",
            "share_type = \"conditinal\"",
            &["catalogue.toml:76:14: \"share_type\": unknown word \"conditinal\"; did you mean \"conditional\"?"],
        ),
        (
            C,
            "modes = [\"verify\", \"query\"]",
            "modes = [\"verify\", \"quary\"]",
            &["catalogue.toml:77:20: \"modes\": unknown word \"quary\"; did you mean \"query\"?"],
        ),
        (
            C,
            "matter_required = true",
            "matter_required = \"yes-4711\"",
            &["catalogue.toml:79:19: \"matter_required\": expected true or false, found a text"],
        ),
        (
            C,
            "per_day = 2000\n",
            "per_day = \"4711\"\n",
            &["catalogue.toml:88:11: \"per_day\": expected a whole number from 0 on, found a text"],
        ),
        (
            C,
            "per_day = 2000\n",
            "per_day = -4711\n",
            &["catalogue.toml:88:11: \"per_day\": expected a whole number from 0 on, found a number"],
        ),
        (
            C,
            "{ code = \"XM\", name = \"姓名\", type = \"C\"",
            "{ code = \"XM\", name = \"姓名\", type = \"Z\"",
            &["catalogue.toml:66:38: \"type\": unknown word \"Z\"; known: C, N, Y, D, T, L, M, G, B, I, F"],
        ),
        (
            C,
            "limits = { per_day = 2000, rows_per_call = 1 }",
            "limits = 4711",
            &["catalogue.toml:147:10: \"limits\": expected a table of keys, found a number"],
        ),
        (
            C,
            "resource = \"101001001/000001\"",
            "resource = \"4711\"",
            &[
                "catalogue.toml:151:12: \"resource\": not a valid resource code: at least six digits, a slash, digits; 64 characters at most",
            ],
        ),
        (
            S,
            "environment = \"production\"",
            "environment = \"prod\"",
            &["sluice.toml:9:15: \"environment\": unknown word \"prod\"; known: test, production"],
        ),
        (
            S,
            "# workers = 0  ",
            "workers = \"4711\"",
            &["sluice.toml:20:11: \"workers\": expected a whole number from 0 on, found a text"],
        ),
        (
            S,
            "signing_key = \"file:keys/token.pem\"",
            "signing_key = [\"4711\"]",
            &[
                "sluice.toml:59:15: \"signing_key\": expected a text in quotes, found a list; example: signing_key = \"file:keys/token.pem\"",
            ],
        ),
    ]);
}

#[test]
fn missing_parts_are_told() {
    check(&[
        (
            C,
            "share_type = \"conditional\"\n",
            "",
            &["catalogue.toml:71:1: key \"share_type\" is missing; example: share_type = \"conditional\""],
        ),
        (
            C,
            "valid_until = \"2027-12-31\"\n",
            "",
            &["catalogue.toml:133:1: key \"valid_until\" is missing; example: valid_until = \"2026-12-31\""],
        ),
        (
            S,
            "[log]\n",
            "[log]\n[node.extra]\n",
            &["sluice.toml:88:7: unknown key \"extra\"; known: name, id, environment"],
        ),
        (
            S,
            "[subjects]\nkey",
            "[[tokens.issuers]]\njwks",
            &["sluice.toml:79:1: key \"issuer\" is missing", "sluice.toml:1:1: section [subjects] is missing"],
        ),
        (
            S,
            "[[tokens.issuers]]\nissuer",
            "[tokens.issuers]\nissuer",
            &[
                "sluice.toml:65:1: \"issuers\": expected a list in [ ], found a table; example: [[tokens.issuers]] before each issuer",
            ],
        ),
        (
            S,
            "files = [\"catalogue.toml\"]",
            "files = []",
            &["sluice.toml:85:9: \"files\": at least one catalogue file; example: files = [\"catalogue.toml\"]"],
        ),
    ]);
}

#[test]
fn broken_text_is_told() {
    check(&[
        (C, "key = \"ga\" ", "key = \"ga", &["catalogue.toml:7:68: not TOML: invalid basic string, expected `\"`"]),
        (
            C,
            "state = \"disabled\" },\n]",
            "state = \"disabled\" },\n",
            &[
                "catalogue.toml:25:1: not TOML: missing comma between array elements, expected `,`; is a comma or a closing bracket missing before this?",
            ],
        ),
        (
            S,
            "name = \"node-1\"",
            "name = node-1",
            &["sluice.toml:7:8: not TOML: not a value; a text stands in quotes: name = \"node-1\""],
        ),
        (S, "[node]", "[node]\nname = \"twice\"", &["sluice.toml:8:1: not TOML: duplicate key"]),
    ]);
}

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
                "catalogue.toml:7:7: not a valid party key: 1–32 characters of [A-Za-z0-9_-]",
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

#[test]
fn base_data_without_confirmation_is_warned_of() {
    let site = Site::of_samples();
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
    let site = Site::of_samples();
    let text = site.read(C);
    let edited = text.replacen("modes = [\"query\"]\n", "modes = [\"query\", \"push\"]\n", 1);
    assert_ne!(text, edited);
    site.write(C, &edited);
    let warnings = site.load().unwrap().catalogue.warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.ends_with("does not offer push"), "{}", warnings[0].message);
}

#[test]
fn values_of_settings_are_checked_at_their_place() {
    check(&[
        (
            S,
            "name = \"node-1\"",
            "name = \"node 1\"",
            &["sluice.toml:7:8: \"name\": 1–64 characters of [A-Za-z0-9._-]; example: name = \"node-1\""],
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

#[test]
fn all_faults_are_told_at_once() {
    let site = Site::of_samples();
    site.replace(C, "share_type = \"conditional\"", "share_tpye = \"conditinal\"");
    site.replace(C, "state = \"disabled\"", "sate = \"disabled\"");
    site.replace(C, "party = \"mz\"\nresource", "party = \"mx\"\nresource");
    site.replace(S, "origin = ", "orgin = ");
    site.replace(S, "# idle_s = 75 ", "idle_s = 0 ");
    site.replace(S, "key = \"file:keys/subjects.hex\"", "key = \"clear\"");
    let expected = [
        "sluice.toml:32:10: \"idle_s\": 0 is not between 1 and 3600; default: 75",
        "sluice.toml:52:1: unknown key \"orgin\"; did you mean \"origin\"?",
        "sluice.toml:80:7: \"key\": not a reference to a secret; write \"file:keys/node.pem\" or \"env:NAME\"",
        "catalogue.toml:20:52: unknown key \"sate\"; did you mean \"state\"?",
        "catalogue.toml:76:1: unknown key \"share_tpye\"; did you mean \"share_type\"?",
        "catalogue.toml:76:14: \"share_type\": unknown word \"conditinal\"; did you mean \"conditional\"?",
        "catalogue.toml:135:9: there is no party \"mx\"; did you mean \"mz\"?",
    ];
    assert_eq!(site.faults(), expected);
}

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
            "sluice.toml:94:10: \"allow\": not an address or a range such as 127.0.0.0/8, without bits behind the prefix; example: allow = [\"127.0.0.0/8\", \"::1\"]",
        ],
    )]);
}
