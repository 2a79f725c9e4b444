//! C2SP tlog-policy: a file that says which logs and which witnesses somebody trusts, for offline checks.

use std::collections::HashMap;

use crate::note::VerifierKey;
use crate::witness::cosignature::WitnessKey;
use crate::witness::parse_size;
use crate::witness::quorum::{Quorum, Rule, has_twice};

/// Logs, witnesses and groups of one file, each: four times what implementations should take.
const LISTED_MAX: usize = 128;
const NONE: &[u8] = b"none";

/// Whom somebody trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPolicy {
    /// Logs, any of which may have signed; empty if they are known from elsewhere.
    pub logs: Vec<VerifierKey>,
    /// Who must have cosigned; `None` for nobody.
    pub quorum: Option<Quorum>,
}

/// Why a file is no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PolicyError {
    /// The line, from 1; behind the last one if something is missing.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// What stands in the file so far.
#[derive(Default)]
struct Reading<'f> {
    logs: Vec<VerifierKey>,
    witnesses: Vec<WitnessKey>,
    /// Witnesses and groups by name; the names are opaque bytes.
    rules: HashMap<&'f [u8], Rule, foldhash::fast::FixedState>,
    /// Names that are members of a group already.
    members: Vec<&'f [u8]>,
    quorum: Stated,
}

/// What the quorum line says.
#[derive(Default)]
enum Stated {
    #[default]
    Nothing,
    Nobody,
    By(Rule),
}

impl TrustPolicy {
    /// Reads a file.
    ///
    /// # Errors
    /// The first line that is wrong. Keys of other algorithms than Ed25519 are.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        let mut reading = Reading::default();
        let mut last = 0;
        for (line, bytes) in (1..).zip(file.split(|byte| *byte == b'\n')) {
            last = line;
            reading.read(bytes).map_err(|what| PolicyError { line, what })?;
        }
        let quorum = match reading.quorum {
            Stated::Nothing => return Err(PolicyError { line: last + 1, what: "a quorum line is missing" }),
            Stated::Nobody => None,
            Stated::By(rule) => Some(Quorum::by(reading.witnesses, rule)),
        };
        Ok(Self { logs: reading.logs, quorum })
    }

    /// The listed log that signed a checkpoint, or else the first one: what is to be checked with it will not hold.
    pub fn log_of(&self, note: &str) -> Option<&VerifierKey> {
        self.logs.iter().find(|log| log.open(note).is_ok()).or_else(|| self.logs.first())
    }
}

impl<'f> Reading<'f> {
    fn read(&mut self, line: &'f [u8]) -> Result<(), &'static str> {
        if line.iter().any(|byte| matches!(byte, 0..=8 | 0x0b..=0x1f | 0x7f)) {
            return Err("a control character");
        }
        let words: Vec<&[u8]> =
            line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] | [b"log", key, _] => self.log(key),
            [b"witness", name, key] | [b"witness", name, key, _] => self.witness(name, key),
            [b"group", name, needed, members @ ..] if !members.is_empty() => self.group(name, needed, members),
            [b"quorum", name] => self.quorum(name),
            _ => Err("neither log, witness, group nor quorum in their form"),
        }
    }

    fn log(&mut self, key: &[u8]) -> Result<(), &'static str> {
        let key = text(key).and_then(|text| VerifierKey::parse(text).ok()).ok_or("not the Ed25519 key of a log")?;
        if self.logs.iter().any(|log| log.0.public() == key.0.public()) {
            return Err("this log is listed already");
        }
        self.logs.push(key);
        if self.logs.len() > LISTED_MAX { Err("too many logs") } else { Ok(()) }
    }

    fn witness(&mut self, name: &'f [u8], key: &[u8]) -> Result<(), &'static str> {
        let key = text(key).and_then(|text| WitnessKey::parse(text).ok()).ok_or("not the Ed25519 key of a witness")?;
        self.witnesses.push(key);
        if has_twice(&self.witnesses) {
            return Err("this witness is listed already");
        }
        self.define(name, Rule::Witness(self.witnesses.len() - 1))
    }

    fn group(&mut self, name: &'f [u8], needed: &[u8], members: &[&'f [u8]]) -> Result<(), &'static str> {
        let needed = match needed {
            b"any" => Some(1),
            b"all" => Some(members.len()),
            digits => text(digits).and_then(parse_size).and_then(|needed| usize::try_from(needed).ok()),
        };
        let needed = needed.filter(|needed| (1..=members.len()).contains(needed));
        let needed = needed.ok_or("a group needs any, all or a number from 1 to that of its members")?;
        let mut rules = Vec::with_capacity(members.len());
        for member in members {
            if self.members.contains(member) {
                return Err("a name is a member twice");
            }
            self.members.push(member);
            rules.push(self.rules.get(member).ok_or("a member that no line before defines")?.clone());
        }
        self.define(name, Rule::Group { needed, members: rules })
    }

    fn define(&mut self, name: &'f [u8], rule: Rule) -> Result<(), &'static str> {
        if name == NONE || self.rules.insert(name, rule).is_some() {
            return Err("this name is taken");
        }
        if self.rules.len() > 2 * LISTED_MAX { Err("too many witnesses and groups") } else { Ok(()) }
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), &'static str> {
        if !matches!(self.quorum, Stated::Nothing) {
            return Err("a second quorum line");
        }
        self.quorum = match name {
            NONE => Stated::Nobody,
            name => Stated::By(self.rules.get(name).ok_or("a quorum that no line before defines")?.clone()),
        };
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WitnessSigner;
    use crate::note::Signer;

    const TEXT: &str = "log.test/a\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

    struct Parties {
        log: Signer,
        witnesses: Vec<WitnessSigner>,
    }

    impl Parties {
        fn new() -> Self {
            let witness = |at| WitnessSigner::generate(&format!("w{at}.test")).unwrap().0;
            Self { log: Signer::generate("log.test/a").unwrap().0, witnesses: (0..6).map(witness).collect() }
        }

        /// `L` is the log's key, `0`–`5` the witnesses'.
        fn policy(&self, file: &str) -> Result<TrustPolicy, PolicyError> {
            let key = |word: &str| match word.strip_prefix('@') {
                Some("L") => self.log.verifier().to_text(),
                Some(at) => self.witnesses[at.parse::<usize>().unwrap()].key().to_text(),
                None => word.to_owned(),
            };
            let lines = file.split('\n').map(|line| line.split(' ').map(key).collect::<Vec<_>>().join(" "));
            TrustPolicy::parse(lines.collect::<Vec<_>>().join("\n").as_bytes())
        }

        fn note(&self, by: &[usize]) -> String {
            let cosigned: String = by.iter().map(|at| self.witnesses[*at].cosign(TEXT, 5)).collect();
            self.log.sign(TEXT) + &cosigned
        }
    }

    #[test]
    fn a_quorum_of_groups_holds_with_enough_of_each() {
        let parties = Parties::new();
        let policy = parties.policy(
            "# two offices\n\nlog @L https://log.test\nwitness X1 @0\n \twitness X2 @1 https://x2.test\nwitness X3 @2\n\
             group X-witnesses 2 X1 X2 X3\nwitness Y1 @3\nwitness \u{e9}2 @4\nwitness spare @5\n\
             group Y-witnesses any Y1 \u{e9}2\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        );
        let policy = policy.unwrap();
        assert_eq!(policy.log_of(&parties.note(&[])), Some(parties.log.verifier()));
        let quorum = policy.quorum.unwrap();
        let rows: [(&[usize], bool); 8] = [
            (&[0, 1, 3], true),
            (&[1, 2, 4], true),
            (&[0, 1, 2, 3, 4, 5], true),
            (&[0, 3], false),
            (&[0, 0, 3], false),
            (&[0, 1, 2], false),
            (&[0, 1, 5], false),
            (&[], false),
        ];
        for (by, is_enough) in rows {
            let found = quorum.check(&parties.note(by));
            assert_eq!(
                found.as_ref().map(Vec::len),
                if is_enough { Ok(by.len()) } else { Err(&crate::NoteError::Unsigned) }
            );
        }
    }

    #[test]
    fn small_policies_are_read() {
        let parties = Parties::new();
        let one = parties.policy("witness w @0\nquorum w").unwrap();
        assert!(one.logs.is_empty() && one.quorum.unwrap().check(&parties.note(&[0])).is_ok());
        assert_eq!(parties.policy("quorum none\n"), Ok(TrustPolicy { logs: Vec::new(), quorum: None }));
    }

    #[test]
    fn anything_else_is_refused_with_its_line() {
        let parties = Parties::new();
        for (file, line) in [
            ("", 2),
            ("witness w @0\n", 3),
            ("quorum w\n", 1),
            ("quorum none\nquorum none\n", 2),
            ("witness w @0\nwitness w @1\nquorum w\n", 2),
            ("witness w @0\nwitness v @0\nquorum w\n", 2),
            ("witness none @0\nquorum none\n", 1),
            ("log @L\nlog @L\nquorum none\n", 2),
            ("log @0\nquorum none\n", 1),
            ("witness w @L\nquorum w\n", 1),
            ("log x\nquorum none\n", 1),
            ("group g any w\nwitness w @0\nquorum g\n", 1),
            ("witness w @0\ngroup g any none\nquorum g\n", 2),
            ("witness w @0\ngroup g 0 w\nquorum g\n", 2),
            ("witness w @0\ngroup g 2 w\nquorum g\n", 2),
            ("witness w @0\ngroup g 01 w\nquorum g\n", 2),
            ("witness w @0\ngroup g any w w\nquorum g\n", 2),
            ("witness w @0\ngroup g any w\ngroup h any w\nquorum h\n", 3),
            ("witness w @0\ngroup g any\nquorum g\n", 2),
            ("witness w\r @0\nquorum w\n", 1),
            ("witness w @0 url more\nquorum w\n", 1),
            ("Quorum none\n", 1),
        ] {
            assert_eq!(parties.policy(file).map_err(|error| error.line), Err(line), "{file}");
        }
    }
}
