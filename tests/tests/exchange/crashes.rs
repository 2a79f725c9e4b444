//! No acknowledged record is ever lost (`tests/soak` repeats this as often as one likes).

use sluice_tests::crash::{Unsynced, rounds};

const ROUNDS: usize = 20;

#[test]
fn every_acknowledged_answer_survives_a_kill() {
    let looked_for = rounds(ROUNDS, Unsynced::Kept).unwrap();
    assert!(looked_for > ROUNDS, "only {looked_for} answers were acknowledged");
}

#[test]
fn every_acknowledged_answer_survives_a_power_cut() {
    let looked_for = rounds(ROUNDS, Unsynced::Lost).unwrap();
    assert!(looked_for > ROUNDS, "only {looked_for} answers were acknowledged");
}

#[test]
fn the_power_cut_test_notices_a_sync_that_does_nothing() {
    let outcome = rounds(3, Unsynced::LostThoughSynced);
    assert!(outcome.is_err(), "syncs were ignored, yet all {outcome:?} acknowledged records were found");
}
