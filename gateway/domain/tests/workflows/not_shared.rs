//! Not-shared resources: the way to a share type (D21-7, D21-8), statutory exceptions (X05), and corrections (D24).

use std::collections::BTreeSet;

use sluice_domain::catalogue::ShareType;
use sluice_domain::workflow::correction::{Doubt, Standing, Step};
use sluice_domain::workflow::dispute::View;
use sluice_domain::workflow::exception::{Exception, Proposal};
use sluice_domain::workflow::{Actor, Correction, Entry, IssuedGrant, NotSharedRequest, Refused, ShareTypeOrder};
use sluice_domain::{GrantId, PartyKey, RecordId};

use crate::world::*;

fn request(city: &City) -> NotSharedRequest {
    let offer = published(city, ShareType::NotShared).offer();
    let id = RecordId::new("N-2026-000001").unwrap();
    let asked = ("《社会救助暂行办法》第五十八条", "核对申请人收入");
    NotSharedRequest::submit(&applicant(), id, asked, &offer, &city.on("2026-11-20")).unwrap()
}

fn ordered(city: &City, by: &Actor) -> Result<ShareTypeOrder, Refused> {
    let occasion = city.on("2026-11-26");
    let heard = View { text: "可脱敏后提供".into(), files: Vec::new() };
    let deliberating = request(city).deliberate(&authority(), &occasion)?;
    let heard = deliberating.state_view(&person("qian@ga provider"), heard, &occasion)?;
    heard.order(by, ShareType::Conditional, "临政审论〔2026〕1号", &occasion).map(|(_, order)| order)
}

#[test]
fn the_authority_hears_departments_before_it_decides() {
    let city = City::new();
    let occasion = city.on("2026-11-26");
    let asked = request(&city);
    assert_eq!(asked.clock().due().day.to_string(), "2026-12-18");
    assert!(asked.order(&authority(), ShareType::Conditional, "1", &occasion).is_err(), "no deliberation yet");
    let deliberating = asked.deliberate(&authority(), &occasion).unwrap();
    let early = deliberating.order(&authority(), ShareType::Conditional, "1", &occasion).unwrap_err();
    assert_eq!(early.code(), "opinion_missing");
    assert_eq!(deliberating.refuse(&authority(), "x", &occasion).unwrap_err().code(), "opinion_missing");
    assert!(ordered(&city, &authority()).is_ok());
    assert_eq!(ordered(&city, &person("zhou@mz authority")).unwrap_err(), Refused::SameParty);
    assert_eq!(ordered(&city, &reviewer()).unwrap_err().code(), "role");
    let conditional = published(&city, ShareType::Conditional).offer();
    let id = RecordId::new("N-1").unwrap();
    let shared = NotSharedRequest::submit(&applicant(), id, ("x", "y"), &conditional, &occasion);
    assert_eq!(shared, Err(Refused::ShareType("conditional")));
}

#[test]
fn a_not_shared_entry_becomes_shared_only_on_the_authoritys_order() {
    let city = City::new();
    let occasion = city.on("2026-11-27");
    let closed = published(&city, ShareType::NotShared);
    let withdrawn = closed.withdraw(&reviewer(), "重新编目", &occasion).unwrap();
    let order = ordered(&city, &authority()).unwrap();
    for before in [&closed, &withdrawn] {
        let opened =
            |share_type| Entry::draft(&reviewer(), code(), elements(share_type), Some(before), &occasion).unwrap();
        let missing = opened(ShareType::Conditional).submit(&reviewer(), None, &occasion).unwrap_err();
        assert_eq!(missing.code(), "order_missing");
        let other = opened(ShareType::Unconditional).submit(&reviewer(), Some(&order), &occasion).unwrap_err();
        assert_eq!(other.code(), "order_missing", "the order is for another share type");
        assert!(opened(ShareType::Conditional).submit(&reviewer(), Some(&order), &occasion).is_ok());
        assert!(opened(ShareType::NotShared).submit(&reviewer(), None, &occasion).is_ok());
    }
    for (who, refused) in [("zhou@mz provider", Refused::SamePerson), ("qian@ga provider", Refused::OtherParty)] {
        assert_eq!(order.check_executor(&person(who)), Err(refused), "{who}");
    }
}

#[test]
fn a_statutory_exception_takes_provider_and_authority() {
    let city = City::new();
    let occasion = city.on("2026-11-26");
    let offer = published(&city, ShareType::NotShared).offer();
    let proposal = |legal_basis: &str, document_no: &str| Proposal {
        grant: GrantId::new("G-000020").unwrap(),
        consumer: PartyKey::new(CONSUMER).unwrap(),
        scope: scope(&["XM"], &[]),
        legal_basis: legal_basis.into(),
        document_no: document_no.into(),
    };
    for (legal_basis, document_no, code) in
        [("", "临纪函〔2026〕1号", "legal_basis_missing"), ("《监察法》第二十五条", " ", "document_no_missing")]
    {
        let refused = Exception::propose(&reviewer(), proposal(legal_basis, document_no), &offer, &occasion);
        assert_eq!(refused.unwrap_err().code(), code);
    }
    let whole = proposal("《监察法》第二十五条", "临纪函〔2026〕1号");
    let shared = published(&city, ShareType::Conditional).offer();
    assert!(Exception::propose(&reviewer(), whole.clone(), &shared, &occasion).is_err());
    assert!(Exception::propose(&authority(), whole.clone(), &offer, &occasion).is_err());
    let proposed = Exception::propose(&reviewer(), whole, &offer, &occasion).unwrap();
    assert_eq!(proposed.countersign(&reviewer(), &occasion).unwrap_err().code(), "role");
    let own = person("zhou@mz authority");
    assert_eq!(proposed.countersign(&own, &occasion).unwrap_err(), Refused::SameParty);
    let (countersigned, warrant) = proposed.countersign(&authority(), &occasion).unwrap();
    assert!(IssuedGrant::issue(warrant, &occasion).is_live(occasion.today()));
    assert!(countersigned.countersign(&authority(), &occasion).is_err(), "once");
}

fn doubt() -> Doubt {
    Doubt {
        resource: code(),
        provider: PartyKey::new(PROVIDER).unwrap(),
        items: items(&["XM"]),
        request_id: "0199f0c2-7a3e-7c11-9a55-3f1f5f0b7a10".into(),
        grounds: "姓名与身份证件不符".into(),
    }
}

#[test]
fn a_doubt_is_checked_corrected_and_told() {
    let city = City::new();
    let occasion = city.on("2026-11-26");
    let id = || RecordId::new("C-2026-000001").unwrap();
    let raised = Correction::raise(&applicant(), id(), doubt(), &city.on("2026-11-20")).unwrap();
    assert_eq!(raised.clock().due().day.to_string(), "2026-11-27");
    let told = |parties: &[&str]| Step::Notify { told: codes(parties, |key| PartyKey::new(key).unwrap()) };
    let mut correction = raised.clone();
    for (step, standing) in [
        (Step::Accept, Standing::Accepted),
        (Step::Check, Standing::Checking),
        (Step::ConfirmError, Standing::ConfirmedError),
        (Step::Correct, Standing::Corrected),
        (told(&["rs", "ga"]), Standing::Notified),
    ] {
        assert_eq!(correction.step(&applicant(), step.clone(), &occasion).unwrap_err().code(), "role");
        correction = correction.step(&reviewer(), step, &occasion).unwrap();
        assert_eq!(correction.standing(), standing);
    }
    assert_eq!(correction.step(&reviewer(), Step::Close, &occasion).unwrap_err().code(), "role");
    assert_eq!(correction.step(&applicant(), Step::Close, &occasion).unwrap().standing(), Standing::Closed);
    let mut empty = doubt();
    empty.items = BTreeSet::new();
    assert_eq!(Correction::raise(&applicant(), id(), empty, &occasion).unwrap_err().code(), "scope_missing");
}

#[test]
fn a_doubt_is_answered_with_a_reason_and_to_whoever_raised_it() {
    let city = City::new();
    let occasion = city.on("2026-11-26");
    let id = RecordId::new("C-2026-000001").unwrap();
    let raised = Correction::raise(&applicant(), id, doubt(), &occasion).unwrap();
    let checking = raised.step(&reviewer(), Step::Check, &occasion).unwrap();
    let deny = |reason: &str| checking.step(&reviewer(), Step::DenyError { reason: reason.into() }, &occasion);
    assert_eq!(deny(" ").unwrap_err().code(), "reason_missing");
    assert_eq!(
        deny("与公安一致").unwrap().step(&applicant(), Step::Close, &occasion).unwrap().reason(),
        Some("与公安一致")
    );
    let confirmed = checking.step(&reviewer(), Step::ConfirmError, &occasion).unwrap();
    let corrected = confirmed.step(&reviewer(), Step::Correct, &occasion).unwrap();
    let others = Step::Notify { told: codes(&["ga"], |key| PartyKey::new(key).unwrap()) };
    assert_eq!(corrected.step(&reviewer(), others, &occasion).unwrap_err().code(), "told_missing");
}

/// Every step from every standing: what the requirement's path does not name is refused.
#[test]
fn the_path_of_a_doubt_has_no_other_edges() {
    let city = City::new();
    let occasion = city.on("2026-11-26");
    let told: BTreeSet<_> = codes(&["rs"], |key| PartyKey::new(key).unwrap());
    let steps = [
        Step::Accept,
        Step::Check,
        Step::ConfirmError,
        Step::DenyError { reason: "x".into() },
        Step::Correct,
        Step::Notify { told },
        Step::Close,
    ];
    let raised = Correction::raise(&applicant(), RecordId::new("C-1").unwrap(), doubt(), &occasion).unwrap();
    let (mut edges, mut seen, mut open) = (BTreeSet::new(), BTreeSet::from(["raised"]), vec![raised]);
    while let Some(at) = open.pop() {
        for step in &steps {
            let actor = if *step == Step::Close { applicant() } else { reviewer() };
            if let Ok(next) = at.step(&actor, step.clone(), &occasion) {
                edges.insert(format!("{}→{}", at.standing().as_str(), next.standing().as_str()));
                if seen.insert(next.standing().as_str()) {
                    open.push(next);
                }
            }
        }
    }
    assert_eq!(seen.len(), Standing::ALL.len());
    let edges: Vec<_> = edges.iter().map(String::as_str).collect();
    assert_eq!(
        edges,
        [
            "accepted→checking",
            "checking→confirmed_error",
            "checking→no_error",
            "confirmed_error→corrected",
            "corrected→notified",
            "no_error→closed",
            "notified→closed",
            "raised→accepted",
            "raised→checking",
        ]
    );
}
