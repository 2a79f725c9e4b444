//! Keys, words and syntax.

use super::{C, S, check};
use crate::site::Site;

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
        (S, "[subjects]", "[subject]", &["sluice.toml:79:2: unknown section \"subject\"; did you mean \"subjects\"?"]),
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
            &["sluice.toml:90:7: unknown key \"extra\"; known: name, id, environment"],
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
            &["sluice.toml:87:9: \"files\": at least one catalogue file; example: files = [\"catalogue.toml\"]"],
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
