//! The parser's complaints in an administrator's words, without the values that it read: a value
//! may be a secret that was pasted into the wrong place.

use crate::fault::meant;

/// The offending key and the known ones, if the message says that a key is unknown.
pub(crate) fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    named(message.strip_prefix("unknown field ")?)
}

/// A message and a hint for any other complaint; `key` is where it arose.
pub(crate) fn explain(message: &str, key: Option<&str>) -> (String, Option<String>) {
    let of = key.map_or_else(String::new, |key| format!("\"{key}\": "));
    let first = message.lines().next().unwrap_or_default();
    if let Some((word, known)) = first.strip_prefix("unknown variant ").and_then(named) {
        return (format!("{of}unknown word \"{word}\""), meant(word, known));
    }
    if let Some((missing, _)) = first.strip_prefix("missing field ").and_then(named) {
        return (format!("key \"{missing}\" is missing"), example(missing));
    }
    let kind = first.strip_prefix("invalid type: ").or_else(|| first.strip_prefix("invalid value: "));
    if let Some((found, expected)) = kind.and_then(|rest| rest.rsplit_once(", expected ")) {
        let message = format!("{of}expected {}, found {}", plain_kind(expected), found_kind(found));
        return (message, key.and_then(example));
    }
    (format!("{of}{first}"), key.and_then(example))
}

/// Splits `` `x`, expected one of `a`, `b` `` into the first quoted word and the rest.
fn named(rest: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = rest.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

fn plain_kind(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "a string" => "a text in quotes",
        "a sequence" => "a list in [ ]",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") || other == "a map" => "a table of keys",
        other => other,
    }
}

fn found_kind(found: &str) -> &str {
    match found.split([' ', ',']).next().unwrap_or_default() {
        "string" => "a text",
        "integer" => "a number",
        "floating" => "a decimal number",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        _ => "something else",
    }
}

/// How a secret is referred to.
pub(crate) const REFERENCE: &str = "write \"file:keys/node.pem\" or \"env:NAME\"";

/// The right form of keys whose form is not obvious from their name.
pub(crate) fn example(key: &str) -> Option<String> {
    let form = match key {
        "listen" => "listen = \"127.0.0.1:8443\"",
        "public_url" => "public_url = \"https://exchange.example.gov.cn:8443\"",
        "signing_key" => "signing_key = \"file:keys/token.pem\"",
        "hosts" => "hosts = [\"exchange.example.gov.cn:8443\"]",
        "crl" => "crl = [\"pki/crl.pem\"]",
        "files" => "files = [\"catalogue.toml\"]",
        "issuers" => "[[tokens.issuers]] before each issuer",
        "valid_from" | "valid_until" | "published" | "as_of" => {
            return Some(format!("example: {key} = \"2026-12-31\""));
        }
        "modes" => "modes = [\"verify\", \"query\"]",
        "purposes" => "purposes = [\"SHJZ\"]",
        "share_type" => "share_type = \"conditional\"",
        "level" => "level = \"L2\"",
        "key_sets" => "key_sets = [[\"GMSFHM\"]]",
        "fields" => "fields = [\"XM\", \"CSRQ\"]",
        "uscc" => "uscc = \"11430689T000000282\"",
        "key_service_url" => "url = \"https://keys.privacy.example.gov.cn:8451\"",
        "witness_url" => "url = \"https://witness.example.gov.cn:8450\"",
        "origin" => "origin = \"exchange.example.gov.cn/access/node-1\"",
        _ => return None,
    };
    Some(format!("example: {form}"))
}

/// A message and a hint for an error of syntax. The parser names the last thing that it tried.
pub(crate) fn syntax(message: &str) -> (String, Option<String>) {
    let first = message.lines().next().unwrap_or_default();
    let unquoted = ["invalid float", "invalid boolean", "string values must be quoted"];
    if unquoted.iter().any(|start| first.starts_with(start)) {
        return (
            String::from("not TOML: not a value"),
            Some(String::from("a text stands in quotes: name = \"node-1\"")),
        );
    }
    let unclosed = first.contains("array") || first.contains("inline table");
    let hint = unclosed.then(|| String::from("is a comma or a closing bracket missing before this?"));
    (format!("not TOML: {first}"), hint)
}
