//! `sluice ledger approver-key`, `approve` and `retain`: deleting records whose time is over.

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use sluice_ledger::retention::approve as approved;
use sluice_ledger::{Border, Signer, plan_retention, retain};

use super::{open, remark, text_of, time_us, verifier_key, write_new};
use crate::cli::{LedgerApprove, LedgerApproverKey, LedgerRetain};
use crate::output;

/// Makes a key pair.
pub(super) fn new_key(given: &LedgerApproverKey) -> anyhow::Result<()> {
    let (signer, secret) = Signer::generate(&given.name).context("cannot make a key of that name")?;
    std::fs::create_dir_all(&given.out)?;
    write_new(&given.out.join("approver.key"), &secret)?;
    write_new(&given.out.join("approver.vkey"), &format!("{}\n", signer.verifier().to_text()))?;
    remark(&format!("approver.key is secret; give approver.vkey to those who verify: {}", given.out.display()));
    Ok(())
}

/// Signs an order.
pub(super) fn approve(given: &LedgerApprove) -> anyhow::Result<()> {
    let ledger = open(&given.dir)?;
    let border = match (&given.before, given.before_index) {
        (Some(before), _) => Border::Time(time_us(before)?),
        (None, index) => Border::Index(index.unwrap_or(0)),
    };
    let signer = Signer::parse(&text_of(&given.key)?)
        .map_err(|error| anyhow!("{} is no secret key of an approver: {error}", given.key.display()))?;
    let order = plan_retention(&given.dir, border, &given.basis)?;
    let note = approved(&order, &signer)?;
    write_new(&given.out, &note)?;
    remark(&format!(
        "signed by {}: delete records {} to {} of {}",
        signer.verifier().name(),
        ledger.first_index(),
        order.head.size.saturating_sub(1),
        order.origin
    ));
    Ok(())
}

#[derive(Serialize)]
struct Done {
    first_index: u64,
    record: u64,
    segments: u32,
    salt_keys: u32,
    approved_by: Vec<String>,
}

/// Carries out an order.
pub(super) fn run(given: &LedgerRetain) -> anyhow::Result<()> {
    open(&given.dir)?;
    let approvals = given.approval.iter().map(|file| text_of(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let keys = given.approver_key.iter().map(|file| verifier_key(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let done = retain(&given.dir, &approvals, &keys)?;
    let done = Done {
        first_index: done.first_index,
        record: done.record,
        segments: done.segments,
        salt_keys: done.salt_keys,
        approved_by: done.approved_by,
    };
    output::put(given.json, &done, || {
        format!(
            "records before {} are deleted: {} segments, {} salt keys; ordered in record {}, approved by {}",
            done.first_index,
            done.segments,
            done.salt_keys,
            done.record,
            done.approved_by.join(", ")
        )
    })?;
    Ok(())
}
