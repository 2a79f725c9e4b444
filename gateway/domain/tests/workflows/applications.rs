//! The review of an application (D21-2 to D21-5, X01, X07, X08).

use sluice_domain::Day;
use sluice_domain::catalogue::{Level, ShareType};
use sluice_domain::deadline::Progress;
use sluice_domain::workflow::application::{Consent, ReasonCode};
use sluice_domain::workflow::scope::Finding;
use sluice_domain::workflow::{Application, Approval, Operation, Refused};

use crate::world::*;

fn due(application: &Application) -> String {
    application.clock().unwrap().due().day.to_string()
}

#[test]
fn an_approval_makes_the_warrant_for_what_it_leaves() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM", "DH"], &["DH"]), false);
    assert_eq!((application.state(), due(&application).as_str()), ("submitted", "2026-11-27"));
    let taken_up = application.take_up(&reviewer(), &occasion).unwrap();
    assert_eq!(taken_up.state(), "reviewing");
    for application in [application, taken_up] {
        let reviewed = application.approve(&reviewer(), leaving(&["XM"]), &offer, &occasion).unwrap();
        assert_eq!(reviewed.application.state(), "approved");
        let warrant = reviewed.warrant.unwrap();
        assert_eq!(warrant.grant().as_str(), "G-000017");
        assert_eq!((&warrant.scope().fields, warrant.scope().clear_fields.len()), (&items(&["XM"]), 0));
        assert!(warrant.scope().is_within(&application.request().scope));
    }
}

#[test]
fn only_conditional_resources_are_applied_for() {
    let city = City::new();
    let occasion = city.on("2026-11-20");
    for (share_type, word) in [(ShareType::Unconditional, "unconditional"), (ShareType::NotShared, "not_shared")] {
        let offer = published(&city, share_type).offer();
        let ask = request(&["XM"], &[]);
        let draft = Application::draft(&applicant(), registration(false), ask, &offer, &occasion).unwrap();
        assert_eq!(draft.submit(&applicant(), &offer, &occasion), Err(Refused::ShareType(word)));
    }
}

#[test]
fn what_is_not_offered_cannot_be_asked_for() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-20"));
    let ask = |change: fn(&mut sluice_domain::workflow::Request)| {
        let mut request = request(&["XM"], &[]);
        change(&mut request);
        let draft = Application::draft(&applicant(), registration(false), request, &offer, &occasion);
        draft.and_then(|draft| draft.submit(&applicant(), &offer, &occasion)).err().map(|refused| refused.code())
    };
    for (change, code) in [
        ((|_| ()) as fn(&mut sluice_domain::workflow::Request), None),
        (|request| request.scope.fields = items(&["XM", "GZ"]), Some("wider")),
        (|request| request.scope.clear_fields = items(&["DH"]), Some("wider")),
        (|request| request.scope.clear_level = Level::L4, Some("wider")),
        (|request| request.scope.modes = [sluice_domain::Mode::Push].into(), Some("wider")),
        (|request| request.scope.valid_until = Day::parse("2026-10-31").unwrap(), Some("wider")),
        (|request| request.scope.purposes.clear(), Some("scope_missing")),
        (|request| request.scope.fields.clear(), Some("scope_missing")),
        (|request| request.legal_basis = "  ".into(), Some("legal_basis_missing")),
        (|request| request.statement.clear(), Some("grounds_missing")),
    ] {
        assert_eq!(ask(change), code);
    }
}

#[test]
fn an_approval_narrows_and_never_widens() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM"], &[]), false);
    let mut approvals = vec![leaving(&["XM", "DH"]), leaving(&[])];
    let mut longer = Approval::default();
    longer.narrowing.valid_until = Some(Day::parse("2027-11-01").unwrap());
    let mut earlier = Approval::default();
    earlier.narrowing.valid_until = Some(Day::parse("2026-10-01").unwrap());
    let mut clear = Approval::default();
    clear.narrowing.clear_fields = Some(items(&["XM"]));
    approvals.extend([longer, earlier, clear]);
    for approval in approvals {
        let refused = application.approve(&reviewer(), approval.clone(), &offer, &occasion).unwrap_err();
        assert!(matches!(refused, Refused::Wider(_) | Refused::Missing(_)), "{approval:?}: {refused}");
    }
}

#[test]
fn a_rejection_names_its_reason() {
    let city = City::new();
    let occasion = city.on("2026-11-24");
    let application = submitted(&city, request(&["XM"], &[]), false);
    for reason in ["", "  \n"] {
        let refused = application.reject(&reviewer(), ReasonCode::Purpose, reason, &occasion).unwrap_err();
        assert_eq!(refused.code(), "reason_missing", "application.reason_missing is in the contract");
    }
    let rejected = application.reject(&reviewer(), ReasonCode::Scope, "超出用途所需", &occasion).unwrap();
    assert_eq!(rejected.state(), "rejected");
    assert!(rejected.approve(&reviewer(), Approval::default(), &offer(&city), &occasion).is_err());
}

#[test]
fn nobody_but_the_provider_reviews() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM"], &[]), false);
    let role = Refused::Role { operation: Operation::ApplicationReview };
    for (who, refused) in [
        ("qian@ga provider", Refused::OtherParty),
        ("zhao@rs consumer", role.clone()),
        ("li@mz chief_data_officer", role.clone()),
        ("zhou@sp authority", role.clone()),
        ("sun@sj security_administrator", role.clone()),
        ("wu@sj administrator", role.clone()),
        ("zheng@sj auditor", role.clone()),
        ("feng@sj operator", role),
    ] {
        let actor = person(who);
        assert_eq!(application.approve(&actor, Approval::default(), &offer, &occasion), Err(refused.clone()), "{who}");
        assert_eq!(application.reject(&actor, ReasonCode::Other, "x", &occasion), Err(refused), "{who}");
    }
}

#[test]
fn a_supplement_is_asked_for_once_and_completely() {
    let city = City::new();
    let offer = offer(&city);
    let application = submitted(&city, request(&["XM"], &[]), false);
    for missing in [vec![], vec![" ".to_owned()]] {
        assert!(application.return_for(&reviewer(), &missing, &city.on("2026-11-24")).is_err());
    }
    let missing = vec!["用途说明".to_owned(), "依据原文".to_owned()];
    let returned = application.return_for(&reviewer(), &missing, &city.on("2026-11-24")).unwrap();
    let today = Day::parse("2026-12-30").unwrap();
    assert_eq!((returned.state(), returned.is_overdue(today)), ("returned_for_supplement", false));
    let again = returned.resubmit(&applicant(), request(&["XM"], &[]), &offer, &city.on("2026-12-01")).unwrap();
    assert_eq!((again.state(), due(&again).as_str()), ("submitted", "2026-12-08"));
    let twice = again.return_for(&reviewer(), &["公章".into()], &city.on("2026-12-02")).unwrap();
    assert!(twice.is_overdue(Day::parse("2026-12-09").unwrap()), "a second request does not stop the clock (X07)");
    let resubmitted = twice.resubmit(&applicant(), request(&["XM"], &[]), &offer, &city.on("2026-12-10")).unwrap();
    assert_eq!(due(&resubmitted), "2026-12-08");
}

#[test]
fn two_steps_need_two_people() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM"], &[]), true);
    let proposed = application.approve(&reviewer(), Approval::default(), &offer, &occasion).unwrap();
    assert_eq!((proposed.warrant, proposed.application.state()), (None, "reviewing"));
    let proposed = proposed.application;
    assert_eq!(proposed.awaits(&offer), Some(Consent::Confirm));
    assert_eq!(proposed.confirm(&reviewer(), &offer, &occasion), Err(Refused::SamePerson));
    assert!(proposed.approve(&reviewer(), Approval::default(), &offer, &occasion).is_err(), "once proposed, confirmed");
    let sent_back = proposed.send_back(&head(), "期限过长", &offer, &occasion).unwrap();
    assert_eq!((sent_back.awaits(&offer), sent_back.sent_back()), (None, Some("期限过长")));
    assert!(sent_back.confirm(&head(), &offer, &occasion).is_err(), "nothing is proposed any more");
    assert!(proposed.confirm(&head(), &offer, &occasion).unwrap().warrant.is_some());
}

#[test]
fn clear_items_of_the_highest_level_need_the_second_approver() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM", "YHZH"], &["YHZH"]), false);
    let item = items(&["YHZH"]).into_iter().collect();
    assert_eq!(
        offer.precheck(&application.request().scope, application.consumer()),
        [Finding::SecondApprover { items: item }]
    );
    let proposed = application.approve(&reviewer(), Approval::default(), &offer, &occasion).unwrap();
    assert_eq!(proposed.warrant, None);
    let proposed = proposed.application;
    let refused = proposed.second(&second(), " ", &offer, &occasion).unwrap_err();
    assert_eq!(refused.code(), "impact_assessment_missing");
    for who in ["wang@mz provider", "wu@sj administrator", "zhou@sp authority"] {
        assert!(proposed.second(&person(who), "PIA-2026-3", &offer, &occasion).is_err(), "{who}");
    }
    let approved = proposed.second(&second(), "PIA-2026-3", &offer, &occasion).unwrap();
    assert!(approved.warrant.unwrap().scope().clear_fields.contains(items(&["YHZH"]).first().unwrap()));
}

#[test]
fn levels_count_as_they_are_when_it_is_approved() {
    let city = City::new();
    let (risen, occasion) = (with_level(offer(&city), "DH", Level::L4), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM", "DH"], &["DH"]), false);
    assert!(application.approve(&reviewer(), Approval::default(), &offer(&city), &occasion).unwrap().warrant.is_some());
    let proposed = application.approve(&reviewer(), Approval::default(), &risen, &occasion).unwrap();
    assert_eq!((proposed.warrant, proposed.application.awaits(&risen)), (None, Some(Consent::Second)));
}

#[test]
fn whoever_applied_does_not_approve() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let both = person("wang@mz consumer provider");
    let draft = Application::draft(&both, registration(false), request(&["XM"], &[]), &offer, &occasion).unwrap();
    let own = draft.submit(&both, &offer, &occasion).unwrap();
    assert_eq!(own.approve(&both, Approval::default(), &offer, &occasion), Err(Refused::SamePerson));
    let other = person("xu@mz provider");
    assert!(own.approve(&other, Approval::default(), &offer, &occasion).unwrap().warrant.is_some());
}

#[test]
fn late_is_a_fact_and_grants_nothing() {
    let city = City::new();
    let application = submitted(&city, request(&["XM"], &[]), false);
    let (day, late) = (Day::parse("2026-11-27").unwrap(), city.on("2026-11-30"));
    assert!(!application.is_overdue(day) && application.is_overdue(late.today()));
    assert_eq!(application.state(), "submitted");
    let clock = application.clock().unwrap();
    assert_eq!(clock.progress(late.today(), late.calendar), Progress::Overdue(1));
    let approved = application.approve(&reviewer(), Approval::default(), &offer(&city), &late).unwrap();
    assert!(approved.warrant.is_some(), "late is still allowed");
    assert!(!approved.application.is_overdue(late.today()));
}

#[test]
fn a_clock_set_back_is_refused_and_a_small_difference_is_not() {
    let city = City::new();
    let application = submitted(&city, request(&["XM"], &[]), false);
    let submitted_s = application.history().events().last().unwrap().at_s;
    for (now_s, refused) in [(submitted_s - 301, true), (submitted_s - 300, false), (submitted_s, false)] {
        let step = application.take_up(&reviewer(), &city.at(now_s));
        assert_eq!(step.as_ref().err().map(Refused::code), refused.then_some("clock_behind"), "{now_s}");
        if let Ok(step) = step {
            assert!(step.history().events().is_sorted_by_key(|event| event.at_s));
        }
    }
}

#[test]
fn the_applicant_urges_once_a_day_and_withdraws_before_a_decision() {
    let city = City::new();
    let (offer, occasion) = (offer(&city), city.on("2026-11-24"));
    let application = submitted(&city, request(&["XM"], &[]), false);
    let urged = application.urge(&applicant(), &occasion).unwrap();
    assert!(urged.urge(&applicant(), &occasion).is_err());
    assert!(urged.urge(&applicant(), &city.on("2026-11-25")).is_ok());
    let withdrawn = urged.withdraw(&applicant(), &occasion).unwrap();
    assert_eq!(withdrawn.state(), "withdrawn");
    assert!(withdrawn.approve(&reviewer(), Approval::default(), &offer, &occasion).is_err());
    let approved = urged.approve(&reviewer(), Approval::default(), &offer, &occasion).unwrap().application;
    assert!(approved.withdraw(&applicant(), &occasion).is_err(), "a grant has its own end");
}
