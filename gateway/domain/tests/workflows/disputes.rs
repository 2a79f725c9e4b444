//! Disagreement over applications (D21-6, X04).

use sluice_domain::Day;
use sluice_domain::workflow::application::{Consent, ReasonCode};
use sluice_domain::workflow::dispute::{Disagreement, View};
use sluice_domain::workflow::grant::Basis;
use sluice_domain::workflow::{Application, Approval, IssuedGrant, Narrowing, Outcome, Refused, Verdict};

use crate::world::*;

fn verdict(outcome: Outcome) -> Verdict {
    let execute_by = Day::parse("2026-12-10").unwrap();
    Verdict { outcome, document_no: "临政审协〔2026〕3号".into(), execute_by }
}

fn view(text: &str) -> View {
    View { text: text.into(), files: Vec::new() }
}

fn rejected(city: &City) -> Application {
    let application = submitted(city, request(&["XM", "DH"], &[]), true);
    application.reject(&reviewer(), ReasonCode::Purpose, "用途不符", &city.on("2026-11-24")).unwrap()
}

fn disputed(city: &City) -> Application {
    rejected(city).raise_dispute(&applicant(), "救助核对需要联系电话", &city.on("2026-11-25")).unwrap()
}

#[test]
fn a_decision_is_prepared_decided_and_carried_out() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-26"));
    let application = disputed(&city);
    assert_eq!(application.state(), "disputed");
    assert_eq!(application.dispute().unwrap().clock().due().day.to_string(), "2026-12-09");
    let heard = application.state_view(&reviewer(), view("电话非必要"), &occasion).unwrap();
    let coordinating = heard.coordinate(&authority(), view("听取双方"), Some("纪要一".into()), &occasion).unwrap();
    assert_eq!(coordinating.state(), "coordinating");
    let only_name = Narrowing { fields: Some(items(&["XM"])), ..Narrowing::default() };
    for (outcome, fields) in [(Outcome::Overrule, &["XM", "DH"][..]), (Outcome::Amend, &["XM"])] {
        let decided = coordinating.decide(&authority(), &verdict(outcome), &only_name, &occasion).unwrap();
        assert_eq!(decided.state(), "decided");
        assert!(decided.approve(&reviewer(), Approval::default(), &offer, &occasion).is_err(), "{outcome:?}");
        let dispute = decided.dispute().unwrap();
        assert!(dispute.is_execution_overdue(Day::parse("2026-12-11").unwrap()));
        assert!(!dispute.is_execution_overdue(Day::parse("2026-12-10").unwrap()));
        let executed = decided.execute(&reviewer(), &offer, &occasion).unwrap();
        let warrant = executed.warrant.expect("the decision stands for the provider's second step");
        assert_eq!(warrant.scope().fields, items(fields), "{outcome:?}");
        let Basis::Application { document_no, .. } = warrant.basis() else { panic!("{:?}", warrant.basis()) };
        assert_eq!(document_no.as_deref(), Some("临政审协〔2026〕3号"));
        assert_eq!(executed.application.state(), "approved");
        assert!(executed.application.execute(&reviewer(), &offer, &occasion).is_err(), "carried out once");
    }
}

#[test]
fn an_upheld_rejection_stays_one() {
    let city = City::new();
    let occasion = city.on("2026-11-26");
    let none = Narrowing::default();
    let decided = disputed(&city).decide(&authority(), &verdict(Outcome::Uphold), &none, &occasion).unwrap();
    assert_eq!(decided.state(), "decided");
    assert!(decided.execute(&reviewer(), &offer(&city), &occasion).is_err());
    assert!(decided.raise_dispute(&applicant(), "仍不同意", &occasion).is_err(), "the authority decides once");
}

#[test]
fn a_decision_has_a_number_and_a_day_and_is_the_authoritys() {
    let city = City::new();
    let (application, occasion, none) = (disputed(&city), city.on("2026-11-26"), Narrowing::default());
    let nameless = Verdict { document_no: " ".into(), ..verdict(Outcome::Uphold) };
    assert_eq!(
        application.decide(&authority(), &nameless, &none, &occasion).unwrap_err().code(),
        "document_no_missing"
    );
    let past = Verdict { execute_by: Day::parse("2026-11-25").unwrap(), ..verdict(Outcome::Uphold) };
    assert_eq!(application.decide(&authority(), &past, &none, &occasion), Err(Refused::Wider("execute_by")));
    let wider = Narrowing { fields: Some(items(&["YHZH"])), ..none.clone() };
    assert_eq!(
        application.decide(&authority(), &verdict(Outcome::Amend), &wider, &occasion),
        Err(Refused::Wider("fields"))
    );
    for who in ["wang@mz provider", "zhao@rs consumer", "li@mz chief_data_officer", "wu@sj administrator"] {
        let refused = application.decide(&person(who), &verdict(Outcome::Overrule), &none, &occasion);
        assert_eq!(refused.map_err(|refused| refused.code()), Err("role"), "{who}");
    }
    assert_eq!(application.raise_dispute(&applicant(), "再次", &occasion).unwrap_err().code(), "state");
    assert_eq!(rejected(&city).raise_dispute(&applicant(), " ", &occasion).unwrap_err().code(), "grounds_missing");
    let stranger = person("qian@ga consumer");
    assert_eq!(rejected(&city).raise_dispute(&stranger, "x", &occasion), Err(Refused::OtherParty));
    assert_eq!(application.state_view(&stranger, view("x"), &occasion), Err(Refused::OtherParty));
}

#[test]
fn what_may_be_disputed() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM", "DH"], &[]), false);
    let late = city.on("2026-11-30");
    let narrowed = application.approve(&reviewer(), leaving(&["XM"]), &offer, &occasion).unwrap().application;
    let whole = application.approve(&reviewer(), Approval::default(), &offer, &occasion).unwrap().application;
    for (application, occasion, about) in [
        (&application, &occasion, None),
        (&application, &late, Some(Disagreement::Overdue)),
        (&narrowed, &occasion, Some(Disagreement::NarrowedApproval)),
        (&whole, &occasion, None),
        (&rejected(&city), &occasion, Some(Disagreement::Rejection)),
        (&application.withdraw(&applicant(), &occasion).unwrap(), &late, None),
    ] {
        let raised = application.raise_dispute(&applicant(), "意见不一致", occasion);
        let found = raised.ok().map(|application| application.dispute().unwrap().about());
        assert_eq!(found, about, "{}", application.state());
    }
}

#[test]
fn an_overdue_review_rests_while_it_is_disputed() {
    let city = City::new();
    let (offer, late) = (offer(&city), city.on("2026-11-30"));
    let application = submitted(&city, request(&["XM"], &[]), false);
    let disputed = application.raise_dispute(&applicant(), "逾期未审", &late).unwrap();
    assert!(disputed.approve(&reviewer(), Approval::default(), &offer, &late).is_err());
    let rested = disputed.rest_dispute(&applicant(), &late).unwrap();
    assert_eq!(rested.state(), "submitted");
    assert!(rested.approve(&reviewer(), Approval::default(), &offer, &late).unwrap().warrant.is_some());
    assert!(rested.raise_dispute(&applicant(), "仍未审", &late).is_ok());
}

#[test]
fn an_ordered_clear_item_still_waits_for_the_second_approver() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM", "YHZH"], &["YHZH"]), false);
    let narrowed = application.approve(&reviewer(), leaving(&["XM"]), &offer, &occasion).unwrap();
    let grant = IssuedGrant::issue(narrowed.warrant.unwrap(), &occasion);
    let disputed = narrowed.application.raise_dispute(&applicant(), "账号用于发放", &occasion).unwrap();
    let decided = disputed.decide(&authority(), &verdict(Outcome::Overrule), &Narrowing::default(), &occasion).unwrap();
    let executed = decided.execute(&reviewer(), &offer, &occasion).unwrap();
    assert_eq!((executed.warrant, executed.application.awaits(&offer)), (None, Some(Consent::Second)));
    let waiting = executed.application;
    assert!(waiting.withdraw(&applicant(), &occasion).is_err(), "a narrower grant lives already");
    assert!(waiting.reject(&reviewer(), ReasonCode::Other, "x", &occasion).is_err());
    let approved = waiting.second(&second(), "PIA-2026-3", &offer, &occasion).unwrap();
    let amended = grant.amend(approved.warrant.unwrap()).unwrap();
    assert_eq!(amended.scope().clear_fields, items(&["YHZH"]));
    assert_eq!(amended.id(), grant.id());
}
