//! Suspension, resumption, revocation, attestation of grants (D22-2, X04).

use sluice_domain::Day;
use sluice_domain::grant::GrantState;
use sluice_domain::workflow::dispute::View;
use sluice_domain::workflow::{Approval, IssuedGrant, Narrowing, Outcome, Refused, Verdict};

use crate::world::*;

fn granted(city: &City) -> IssuedGrant {
    let (offer, occasion) = (offer(city), city.on("2026-11-24"));
    let application = submitted(city, request(&["XM", "DH"], &[]), false);
    let reviewed = application.approve(&reviewer(), Approval::default(), &offer, &occasion).unwrap();
    IssuedGrant::issue(reviewed.warrant.unwrap(), &occasion)
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn overruled() -> Verdict {
    Verdict {
        outcome: Outcome::Overrule, document_no: "临政审协〔2026〕4号".into(), execute_by: day("2026-12-10")
    }
}

#[test]
fn a_grant_lives_between_its_days() {
    let grant = granted(&City::new());
    for (today, lives) in [("2026-10-31", false), ("2026-11-01", true), ("2027-10-31", true), ("2027-11-01", false)] {
        assert_eq!(grant.is_live(day(today)), lives, "{today}");
        let expired = grant.expired(day(today)).map(|grant| grant.state());
        assert_eq!(expired, (today == "2027-11-01").then_some(GrantState::Expired), "{today}");
    }
}

#[test]
fn the_provider_and_the_authority_stop_a_grant_and_nobody_else() {
    let city = City::new();
    let (grant, occasion) = (granted(&city), city.on("2026-11-25"));
    for (who, code) in [
        ("wang@mz provider", None),
        ("zhou@sp authority", None),
        ("qian@ga provider", Some("not_found")),
        ("zhao@rs consumer", Some("role")),
        ("wu@sj administrator", Some("role")),
        ("sun@sj security_administrator", Some("role")),
        ("feng@sj operator", Some("role")),
    ] {
        let actor = person(who);
        for stopped in [grant.suspend(&actor, "超范围使用", &occasion), grant.revoke(&actor, "目的已达成", &occasion)]
        {
            assert_eq!(stopped.as_ref().err().map(Refused::code), code, "{who}");
            assert!(stopped.is_err() || !stopped.unwrap().is_live(day("2026-11-25")));
        }
    }
    assert_eq!(grant.suspend(&reviewer(), "", &occasion).unwrap_err().code(), "reason_missing");
}

#[test]
fn what_the_authority_suspended_the_provider_does_not_resume() {
    let city = City::new();
    let (grant, occasion) = (granted(&city), city.on("2026-11-25"));
    let by_provider = grant.suspend(&reviewer(), "核查", &occasion).unwrap();
    let by_authority = grant.suspend(&authority(), "核查", &occasion).unwrap();
    assert!(by_provider.resume(&reviewer(), &occasion).unwrap().is_live(day("2026-11-25")));
    assert!(by_provider.resume(&authority(), &occasion).is_ok());
    assert_eq!(by_authority.resume(&reviewer(), &occasion).unwrap_err().code(), "role");
    assert!(by_authority.resume(&authority(), &occasion).is_ok());
    let revoked = grant.revoke(&reviewer(), "目的已达成", &occasion).unwrap();
    for actor in [reviewer(), authority()] {
        assert_eq!(revoked.resume(&actor, &occasion).unwrap_err().code(), "state", "revoked is for good");
    }
}

#[test]
fn a_revocation_is_undone_only_by_the_authoritys_decision() {
    let city = City::new();
    let (grant, occasion, none) = (granted(&city), city.on("2026-11-25"), Narrowing::default());
    let revoked = grant.revoke(&reviewer(), "目的已达成", &occasion).unwrap();
    assert!(grant.raise_dispute(&applicant(), "x", &occasion).is_err(), "an active grant is nobody's grievance");
    let disputed = revoked.raise_dispute(&applicant(), "仍在使用", &occasion).unwrap();
    let view = |text: &str| View { text: text.into(), files: vec!["00".repeat(32)] };
    let heard = disputed.state_view(&applicant(), view("见附件"), &occasion).unwrap();
    let decided = heard.decide(&authority(), &overruled(), &none, &occasion).unwrap();
    assert!(!decided.is_live(day("2026-11-25")), "no decision grants by itself");
    assert!(decided.execute(&applicant(), &occasion).is_err());
    let executed = decided.execute(&reviewer(), &occasion).unwrap();
    assert!(executed.is_live(day("2026-11-25")));
    let again = executed.revoke(&reviewer(), "再次", &occasion).unwrap();
    assert!(again.execute(&reviewer(), &occasion).is_err(), "one decision brings it back once");
    assert!(again.raise_dispute(&applicant(), "再次不同意", &occasion).is_ok());
}

#[test]
fn a_decided_grant_waits_for_its_execution() {
    let city = City::new();
    let (grant, occasion, none) = (granted(&city), city.on("2026-11-25"), Narrowing::default());
    let suspended = grant.suspend(&reviewer(), "核查", &occasion).unwrap();
    let disputed = suspended.raise_dispute(&applicant(), "影响发放", &occasion).unwrap();
    let decided = disputed.decide(&authority(), &overruled(), &none, &occasion).unwrap();
    for step in [decided.revoke(&reviewer(), "x", &occasion), decided.resume(&reviewer(), &occasion)] {
        assert_eq!(step.unwrap_err().code(), "state");
    }
    assert!(decided.execute(&reviewer(), &occasion).is_ok());
}

#[test]
fn use_is_attested_each_year() {
    let city = City::new();
    let grant = granted(&city);
    assert_eq!(grant.attestation_due(), Some(day("2027-11-24")));
    let attested = grant.attest(&applicant(), &city.on("2027-06-01")).unwrap();
    assert_eq!(attested.attestation_due(), Some(day("2028-05-31")));
    assert_eq!(grant.attest(&reviewer(), &city.on("2027-06-01")).unwrap_err().code(), "role");
}
