//! What is wrong with a file, said so that it can be mended in one go: where, what, and how it
//! should be written instead.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong, at its place. Never holds a secret or the content of a key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// File, as the administrator named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Everything that is wrong, in the order of the files; never empty. One line each when displayed,
/// a JSON array when serialised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// `Err` if anything was found.
    pub(crate) fn refuse_any(mut found: Vec<Fault>) -> Result<(), Self> {
        if found.is_empty() {
            return Ok(());
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|fault| seen.insert(fault.to_string()));
        Err(Self(found))
    }

    pub(crate) fn one(fault: Fault) -> Self {
        Self(vec![fault])
    }

    /// Refuses where a part is missing although nothing was reported: never taken for correct.
    pub(crate) fn unexplained() -> Self {
        let message = String::from("the configuration could not be read completely");
        Self::one(Fault { file: String::new(), line: 1, column: 1, message, hint: None })
    }

    /// The faults.
    pub fn list(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Faults {}

/// Known names listed in a hint when none is near; more would hide the message.
const LISTED_MAX: usize = 16;

/// The known name that a misspelt one most likely meant.
///
/// A third of the letters may differ (at least one, never all), counting a swap of neighbours as one.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let reach = (length / 3).max(1).min(length.saturating_sub(1));
    let scored = known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate));
    scored.filter(|(distance, _)| *distance <= reach).min().map(|(_, candidate)| candidate)
}

/// `did you mean "…"?`, or the known names if none is near and they are few.
pub(crate) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.dedup();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    let listable = (1..=LISTED_MAX).contains(&known.len());
    listable.then(|| format!("known: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_known_name_is_the_likely_meaning() {
        let rows: [(&str, &[&str], Option<&str>); 8] = [
            ("share_tpye", &["share_type", "modes"], Some("share_type")),
            ("lisen", &["listen", "hosts"], Some("listen")),
            ("mz", &["rs", "zr"], None),
            ("GMSFMH", &["GMSFHM", "XM"], Some("GMSFHM")),
            ("Query", &["verify", "query"], Some("query")),
            ("anything", &[], None),
            ("Z", &["B", "C"], None),
            ("c", &["B", "C"], Some("C")),
        ];
        for (name, known, expected) in rows {
            assert_eq!(nearest(name, known.iter().copied()), expected, "{name}");
        }
    }

    #[test]
    fn few_known_names_are_listed_when_none_is_near() {
        assert_eq!(meant("xx", ["json", "text"]).as_deref(), Some("known: json, text"));
        assert_eq!(meant("xx", []), None);
    }
}
