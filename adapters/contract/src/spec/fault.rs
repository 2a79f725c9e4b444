//! What is wrong with a binding, said so that it can be mended.

use serde::Serialize;

/// What is wrong with a binding, for the person who wrote it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecFault {
    /// Dotted path of the member within the binding, such as `query.fields.XM`.
    pub place: String,
    /// What is wrong.
    pub fault: String,
    /// How it could be written.
    pub example: String,
}

impl SpecFault {
    pub(crate) fn new(place: impl Into<String>, fault: impl Into<String>, example: impl Into<String>) -> Self {
        Self { place: place.into(), fault: fault.into(), example: example.into() }
    }

    /// The same fault, its place below another.
    pub(crate) fn below(self, place: &str) -> Self {
        Self { place: format!("{place}.{}", self.place), ..self }
    }
}

impl std::fmt::Display for SpecFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; for example {}", self.place, self.fault, self.example)
    }
}

/// Keeps the faults of a part, with the place of the part before theirs.
pub(crate) fn placed<T>(place: &str, compiled: Result<T, Vec<SpecFault>>, faults: &mut Vec<SpecFault>) -> Option<T> {
    compiled.map_err(|more| faults.extend(more.into_iter().map(|fault| fault.below(place)))).ok()
}
