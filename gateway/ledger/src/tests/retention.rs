//! Deleting by order: recorded first, told from what is missing, and proofs survive.

use std::path::Path;

use super::build::{copy, grow};
use crate::retention::{Order, approve};
use crate::{
    Border, FaultKind, Pins, Proof, RetainError, Signer, Verification, VerifierKey, plan_retention, read, retain,
    verify,
};

const BASIS: &str = "档案处置决定 2026-7, 三年";

struct Approvers {
    signers: Vec<Signer>,
    keys: Vec<VerifierKey>,
}

fn approvers() -> Approvers {
    let signers: Vec<Signer> = ["archive.example/li", "security.example/wang", "audit.example/zhao"]
        .iter()
        .map(|name| Signer::generate(name).unwrap().0)
        .collect();
    let keys = signers.iter().map(|signer| signer.verifier().clone()).collect();
    Approvers { signers, keys }
}

fn signed(order: &Order, signers: &[&Signer]) -> Vec<String> {
    signers.iter().map(|signer| approve(order, signer).unwrap()).collect()
}

/// Two boots, many segments; the leaf hash of an early record.
fn sample(dir: &Path) {
    grow(dir, 2_000);
    grow(dir, 4_000);
}

fn audit(dir: &Path, approvers: &[VerifierKey]) -> crate::Report {
    Verification { approvers: approvers.to_vec(), ..Verification::default() }.run(dir, |_| {})
}

#[test]
fn a_pruned_ledger_verifies_serves_and_proves_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let key = read(dir.path()).unwrap().verifier_key().unwrap();
    let early = *read(dir.path()).unwrap().leaf(77).unwrap().durable().leaf_hash();
    let Approvers { signers, keys } = approvers();
    let order = plan_retention(dir.path(), Border::Index(3_500), BASIS).unwrap();
    assert!(order.head.size > 2_100 && order.head.size <= 3_500, "{}", order.head.size);

    let done = retain(dir.path(), &signed(&order, &[&signers[0], &signers[2]]), &keys).unwrap();
    assert_eq!((done.first_index, done.salt_keys), (order.head.size, 1), "the first boot's key is destroyed");
    let report = audit(dir.path(), &keys);
    assert_eq!(report.fault, None);
    let pruned = report.pruned.unwrap();
    assert_eq!((pruned.records, pruned.order, pruned.basis.as_str()), (order.head.size, done.record, BASIS));
    assert_eq!(pruned.approved_by, ["archive.example/li", "audit.example/zhao"]);
    assert_eq!(audit(dir.path(), &keys[1..2]).fault.map(|fault| fault.kind), Some(FaultKind::Retention));

    grow(dir.path(), 300);
    let ledger = read(dir.path()).unwrap();
    let proof = ledger.proof(77, &Pins { key: Some(key.clone()), ..Pins::default() }).unwrap();
    assert_eq!(proof.leaf, None);
    let again = Proof::parse(&proof.to_text()).unwrap();
    assert_eq!(again.verify(&key, Some(&early)).unwrap().leaf_hash, early);
    assert!(again.verify(&key, None).is_err() && ledger.leaf(77).is_err());
    let kept = ledger.leaf(order.head.size).unwrap();
    let proof = ledger.proof(kept.index, &Pins::default()).unwrap();
    assert_eq!(proof.verify(&key, None).unwrap().leaf_hash, *kept.durable().leaf_hash());
    assert_eq!(verify(dir.path(), Some(&key), |_| {}).fault, None);

    let later = plan_retention(dir.path(), Border::Index(5_000), BASIS).unwrap();
    retain(dir.path(), &signed(&later, &[&signers[1], &signers[2]]), &keys).unwrap();
    let report = audit(dir.path(), &keys);
    assert_eq!((report.fault, report.pruned.unwrap().records), (None, later.head.size));
    let (ledger, _) = super::roomless::open(&super::support::options(dir.path())).unwrap();
    assert!(ledger.receipt(order.head.size).is_err() && ledger.receipt(later.head.size).is_ok());
}

#[test]
fn orders_need_two_different_approvers_of_one_text() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let Approvers { signers, keys } = approvers();
    let order = plan_retention(dir.path(), Border::Index(3_000), BASIS).unwrap();
    let other = Order { basis: "another".to_owned(), ..order.clone() };
    let forged = Order { head: crate::tree::TreeHead { root: [7; 32], ..order.head }, ..order.clone() };
    let approvals = |a: &Order, b: &Order, by: [usize; 2]| {
        vec![approve(a, &signers[by[0]]).unwrap(), approve(b, &signers[by[1]]).unwrap()]
    };
    let too_few = |error| matches!(error, RetainError::TooFew { found: 1 });
    let refused = |approvals: &[String]| retain(dir.path(), approvals, &keys[..2]).unwrap_err();
    assert!(too_few(refused(&signed(&order, &[&signers[0]]))));
    assert!(too_few(refused(&approvals(&order, &order, [0, 0]))), "one person twice");
    assert!(too_few(refused(&approvals(&order, &order, [0, 2]))), "one is no approver");
    assert!(matches!(refused(&approvals(&order, &other, [0, 1])), RetainError::Approvals));
    assert!(matches!(refused(&approvals(&forged, &forged, [0, 1])), RetainError::Unfit(_)));
    assert!(matches!(refused(&["hello".to_owned()]), RetainError::Approvals));
    assert_eq!(verify(dir.path(), None, |_| {}).pruned, None, "nothing was deleted");
    for border in [Border::Index(1), Border::Time(1)] {
        assert!(matches!(plan_retention(dir.path(), border, BASIS), Err(RetainError::NothingToDelete)));
    }
    assert!(matches!(plan_retention(dir.path(), Border::Index(3_000), " "), Err(RetainError::Basis)));
}

#[test]
fn segments_that_are_gone_without_an_order_are_missing() {
    let fresh = tempfile::tempdir().unwrap();
    sample(fresh.path());
    let Approvers { signers, keys } = approvers();
    let remove = |dir: &Path, number: u32| std::fs::remove_file(dir.join(crate::segment::path(number))).unwrap();
    let found = |dir: &Path| audit(dir, &keys).fault.map(|fault| (fault.kind, fault.index));

    let unordered = tempfile::tempdir().unwrap();
    copy(fresh.path(), unordered.path());
    remove(unordered.path(), 0);
    assert_eq!(found(unordered.path()), Some((FaultKind::SegmentMissing, Some(0))));

    let order = plan_retention(fresh.path(), Border::Index(3_000), BASIS).unwrap();
    let done = retain(fresh.path(), &signed(&order, &[&signers[0], &signers[1]]), &keys).unwrap();
    assert_eq!(found(fresh.path()), None);
    remove(fresh.path(), done.segments);
    assert_eq!(found(fresh.path()), Some((FaultKind::SegmentMissing, Some(order.head.size))), "one more than ordered");
}

#[test]
fn tiles_of_deleted_records_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let Approvers { signers, keys } = approvers();
    let order = plan_retention(dir.path(), Border::Index(3_000), BASIS).unwrap();
    retain(dir.path(), &signed(&order, &[&signers[0], &signers[1]]), &keys).unwrap();
    let tile = |number: u64| dir.path().join(format!("tile/0/{number:03}"));
    let found = || {
        let report = audit(dir.path(), &keys);
        (report.fault.map(|fault| (fault.kind, fault.index)), report.tiles_missing)
    };
    let last = order.head.size / 256;
    let good = std::fs::read(tile(last - 1)).unwrap();
    let mut bytes = good.clone();
    bytes[100] ^= 1;
    std::fs::write(tile(last - 1), bytes).unwrap();
    assert_eq!(found(), (Some((FaultKind::Tile, Some((last - 1) * 256))), 0));
    std::fs::remove_file(tile(last - 1)).unwrap();
    assert_eq!(found(), (None, 1), "receipts of 256 records can no longer be proven, which is no fault");
    std::fs::write(tile(last - 1), good).unwrap();
    assert_eq!(found(), (None, 0));
    std::fs::remove_file(tile(last)).unwrap();
    assert_eq!(found().0, Some((FaultKind::PrunedTiles, Some(order.head.size))), "nothing ties the rest to it");
}
