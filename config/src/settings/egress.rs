//! `[egress]`: which addresses the exchange may call.

use serde::Deserialize;
use sluice_domain::{Egress, Network};

use crate::document::Document;
use crate::fault::Fault;
use crate::settings::node::Environment;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawEgress {
    allow: Vec<String>,
}

/// The rule of the environment, with what `allow` names: ranges such as `127.0.0.0/8` that it would bar.
pub(crate) fn read(
    raw: &RawEgress,
    environment: Environment,
    document: &Document<'_>,
    faults: &mut Vec<Fault>,
) -> Egress {
    let mut allowed: Vec<Network> = Vec::new();
    for (at, text) in raw.allow.iter().enumerate() {
        match text.parse() {
            Ok(network) => allowed.push(network),
            Err(error) => faults.push(document.fault(
                &format!("egress.allow.{at}"),
                format!("\"allow\": {error}"),
                Some(String::from("example: allow = [\"127.0.0.0/8\", \"::1\"]")),
            )),
        }
    }
    match environment {
        Environment::Production => Egress::production(allowed),
        Environment::Test => Egress::test(allowed),
    }
}
