//! Everything changes at once, briefly (`tests/soak churn` repeats this for as long as one likes).

use std::time::Duration;

use sluice_tests::churn::churn;

#[test]
fn nothing_is_lost_or_unrecorded_while_everything_changes() {
    let seen = churn(Duration::from_secs(12)).unwrap();
    assert!(seen.reloads >= 6 && seen.refused >= 2 && seen.revocations >= 2 && seen.outages >= 1, "{seen:?}");
    for code in ["ok", "grant.revoked", "identity.certificate_revoked"] {
        assert!(seen.answers.contains_key(code), "{code} in {seen:?}");
    }
}
