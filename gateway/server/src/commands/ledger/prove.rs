//! `sluice ledger prove` and `verify-proof`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::Value;
use sluice_ledger::{NoteError, Proof, ReadError, Record};

use super::{open, pins, policy, quorum, remark, text_of, verifier_key};
use crate::cli::{LedgerProve, LedgerVerifyProof};
use crate::failure::Outcome;
use crate::output;

/// A gateway signs about each second: a record that was just written is waited for.
const LOOKS: u32 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Exit code of a proof that does not hold.
const NOT_PROVEN: u8 = 10;

/// Writes a proof.
pub(super) fn run(given: &LedgerProve) -> anyhow::Result<()> {
    let pins = pins(&given.trusted, &given.dir)?;
    let mut looks = 0;
    let proof = loop {
        match open(&given.dir)?.proof(given.index, &pins) {
            Err(ReadError::NotCovered(_)) if looks < LOOKS => std::thread::park_timeout(LOOK_EVERY),
            proof => break proof?,
        }
        looks += 1;
    };
    let text = proof.to_text();
    match &given.out {
        Some(file) => std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?,
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
    }
    if pins.key.is_none() && pins.root.is_none() {
        remark("unpinned: the checkpoint was checked with the ledger's own key; give --key to prove who signed");
    }
    if proof.leaf.is_none() {
        remark("the record was deleted by order: the proof holds no record, the receipt's leaf hash has to be given");
    }
    Ok(())
}

#[derive(Serialize)]
struct Proven {
    valid: bool,
    origin: String,
    index: u64,
    leaf: String,
    size: u64,
    #[serde(skip_serializing_if = "Value::is_null")]
    record: Value,
}

#[derive(Serialize)]
struct NotProven {
    valid: bool,
    message: String,
}

/// Checks a proof.
pub(super) fn check(given: &LedgerVerifyProof) -> Outcome {
    let leaf = given.leaf.as_deref().map(|leaf| {
        let hash = BASE64_STANDARD.decode(leaf).ok().and_then(|hash| hash.try_into().ok());
        hash.ok_or_else(|| anyhow!("--leaf is no leaf hash as in Exchange-Receipt"))
    });
    let (leaf, text) = (leaf.transpose()?, text_of(&given.proof)?);
    let policy = given.policy.as_deref().map(policy).transpose()?;
    let pinned = given.key.as_deref().map(verifier_key).transpose()?;
    let listed = |note: &str| policy.as_ref().and_then(|policy| policy.log_of(note)).cloned();
    let quorum = match &policy {
        Some(policy) => policy.quorum.clone(),
        None => quorum(&given.witness_key, given.quorum)?,
    };
    if pinned.is_none() && listed("").is_none() {
        return Err(anyhow!("the policy lists no log: give --key").into());
    }
    let checked = Proof::parse(&text).and_then(|proof| {
        let key = pinned.or_else(|| listed(&proof.checkpoint)).ok_or(NoteError::Unsigned)?;
        let proven = proof.verify(&key, leaf.as_ref())?;
        if let Some(quorum) = &quorum {
            quorum.check(&proof.checkpoint)?;
        }
        Ok((proof, proven))
    });
    let (proof, proven) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            let refused = NotProven { valid: false, message: error.to_string() };
            output::put(given.json, &refused, || format!("{} proves NOTHING: {error}", given.proof.display()))?;
            return Ok(ExitCode::from(NOT_PROVEN));
        }
    };
    let record = proof.cbor().and_then(|cbor| Record::decode(cbor).ok()).map_or(Value::Null, |record| record.to_json());
    let answer = Proven {
        valid: true,
        origin: proven.origin,
        index: proof.index,
        leaf: BASE64_STANDARD.encode(proven.leaf_hash),
        size: proven.head.size,
        record,
    };
    output::put(given.json, &answer, || {
        let Proven { origin, index, leaf, size, record, .. } = &answer;
        format!("record {index} of {origin} holds, under a checkpoint over {size} records; leaf {leaf}\n{record:#}")
    })?;
    Ok(ExitCode::SUCCESS)
}
