//! What is sent as the request target: the bytes that were authorised, and no others.

use sluice_domain::operation::Operation;
use sluice_domain::{Code, Fact, Fault, Refusal};

/// The target of a call.
pub(super) struct Target<'t> {
    /// Raw path below the binding's base address.
    pub(super) path: String,
    /// Raw names and values of the query, in order.
    pub(super) query: Vec<(&'t str, &'t str)>,
    /// Path and query as they are sent.
    pub(super) sent: String,
}

/// Checks the query against the declared names and puts the target together. `named` is a path of the operation, or
/// the id of a sealed file.
///
/// # Errors
/// `request.schema` for a parameter that is not declared, is repeated, or is spelt in another way.
pub(super) fn of<'t>(operation: &Operation, named: &'t str, query: Option<&'t str>) -> Result<Target<'t>, Refusal> {
    let path = if operation.sealed.is_some() { operation.path.filled(named) } else { named.to_owned() };
    let pairs = match query {
        None => Vec::new(),
        Some(query) => query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect::<Vec<_>>(),
    };
    for (at, (name, _)) in pairs.iter().enumerate() {
        let is_declared = operation.query.iter().any(|known| **known == **name);
        let is_repeated = pairs.iter().take(at).any(|(before, _)| before == name);
        if !is_declared || is_repeated {
            return Err(unknown(operation));
        }
    }
    // A value that cannot be decoded is read in one way by us and in another by the provider.
    if pairs.iter().any(|(_, value)| decoded(value).is_none()) {
        return Err(unknown(operation));
    }
    let sent = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    Ok(Target { path, query: pairs, sent })
}

fn unknown(operation: &Operation) -> Refusal {
    let refusal = Refusal::fault(Code::RequestSchema, Fault::QueryParameter);
    refusal.with(Fact::Choices(operation.query.join(", ")))
}

/// The text behind percent-encoding; `None` if it is not UTF-8 once decoded.
pub(super) fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()));
        bytes.push(u8::from_str_radix(text?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn only_utf8_is_decoded() {
        for (raw, expected) in [
            ("a-b", Some("a-b")),
            ("%E5%BC%A0", Some("张")),
            ("1+1", Some("1+1")),
            ("", Some("")),
            ("%", None),
            ("%4", None),
            ("%+1", None),
            ("%ff", None),
        ] {
            assert_eq!(decoded(raw).as_deref(), expected, "{raw}");
        }
    }
}
