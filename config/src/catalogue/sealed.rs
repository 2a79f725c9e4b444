//! Secrets that stand in a binding by mistake: they are neither shown nor exported, and the mark that
//! stands in their place is no secret that could be served with.

use serde_json::Value;
use sluice_contract::spec::RestSpec;

use crate::catalogue::places::{Findings, Placed};
use crate::catalogue::written::json;
use crate::shape;

/// Stands in an export and in a comparison where a secret stood in clear.
pub(crate) const MARK: &str = "(secret not shown)";

/// Parts of names, lower case, whose values are secrets by convention.
const SECRET_NAMES: [&str; 9] =
    ["authorization", "cookie", "secret", "password", "token", "appkey", "api-key", "apikey", "api_key"];
/// Tables of a binding whose names are a provider's.
const NAMED_BY_PROVIDERS: [&str; 4] = ["headers", "query", "auth", "put"];

/// Visits every text of a JSON value with its dotted path.
pub(crate) fn texts(value: &mut Value, place: &str, visit: &mut dyn FnMut(&str, &mut String)) {
    let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Value::String(text) => visit(place, text),
        Value::Array(list) => {
            for (at, element) in list.iter_mut().enumerate() {
                texts(element, &below(&at.to_string()), visit);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                texts(member, &below(name), visit);
            }
        }
        _ => {}
    }
}

/// Puts the mark in the place of every secret that a binding holds in clear.
pub(crate) fn seal(binding: &mut Value) {
    texts(binding, "", &mut |place, text| {
        if is_secret(place, text) {
            MARK.clone_into(text);
        }
    });
}

fn is_secret(place: &str, text: &str) -> bool {
    let is_elsewhere = text.starts_with("file:") || text.starts_with("env:");
    // A template such as `Bearer {token}` names what is put in, and a URL where it comes from.
    let name = place.rsplit_once('.').filter(|(table, name)| {
        let table = table.rsplit('.').next().unwrap_or(table);
        NAMED_BY_PROVIDERS.contains(&table) && !name.ends_with("url")
    });
    let Some((_, name)) = name.filter(|_| !is_elsewhere && !text.contains('{')) else { return false };
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Refuses the mark: what was exported without its secrets has to get references to them first.
pub(crate) fn refuse_marks(bindings: &[Placed<RestSpec>], findings: &mut Findings<'_, '_>) {
    for binding in bindings {
        texts(&mut json(&binding.entry), "", &mut |place, text| {
            if text == MARK {
                let message = format!("\"{place}\": the export left a secret out here");
                findings.fault(&binding.at.below(place), message, Some(shape::REFERENCE.to_owned()));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_in_clear_are_sealed_and_nothing_else() {
        let mut binding = json!({
            "base_url": "https://a", "headers": {"X-App-Secret": "0815", "X-Channel": "sluice", "Authorization": "Bearer {token}"},
            "query": {"path": "/a", "query": {"appkey": "4711", "sfzh": "{ID}"}, "headers": {"Cookie": "file:keys/c"}},
            "auth": {"token_url": "https://a/token", "password": "env:P", "client_secret": "hush"},
            "fields": {"TOKEN": "password"}
        });
        seal(&mut binding);
        assert_eq!(
            binding,
            json!({
                "base_url": "https://a", "headers": {"X-App-Secret": MARK, "X-Channel": "sluice", "Authorization": "Bearer {token}"},
                "query": {"path": "/a", "query": {"appkey": MARK, "sfzh": "{ID}"}, "headers": {"Cookie": "file:keys/c"}},
                "auth": {"token_url": "https://a/token", "password": "env:P", "client_secret": MARK},
                "fields": {"TOKEN": "password"}
            })
        );
    }
}
