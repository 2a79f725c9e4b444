//! `[node]`: who this gateway is.

use serde::Deserialize;

use crate::document::Document;
use crate::fault::Fault;

/// What the node stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Demonstration and acceptance: synthetic data only.
    Test,
    /// Real departments and citizens.
    Production,
}

/// Identity of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Name, 1–64 characters of `[A-Za-z0-9._-]`, the first a letter or digit; stands in logs.
    pub name: String,
    /// Number of the node within the exchange, 0–65535: part of every request key, so no two nodes
    /// share one. Default 1.
    pub id: u16,
    /// What it stands in for.
    pub environment: Environment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNode {
    name: String,
    #[serde(default = "first_node")]
    id: u16,
    environment: Environment,
}

fn first_node() -> u16 {
    1
}

impl Node {
    pub(crate) fn read(raw: RawNode, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        if sluice_domain::SystemId::new(&raw.name).is_err() {
            faults.push(document.fault(
                "node.name",
                "\"name\": 1–64 characters of [A-Za-z0-9._-], the first a letter or digit",
                Some(String::from("example: name = \"node-1\"")),
            ));
            return None;
        }
        Some(Self { name: raw.name, id: raw.id, environment: raw.environment })
    }
}
