//! Versions of catalogue entries (D03-1, D08, D16-1, D17-2, D17-4).

use sluice_domain::ResourceCode;
use sluice_domain::catalogue::ShareType;
use sluice_domain::workflow::entry::Elements;
use sluice_domain::workflow::{Entry, Refused};

use crate::world::*;

/// Takes one element away.
type Blank = fn(&mut Elements);

fn draft(city: &City, elements: Elements) -> Entry {
    Entry::draft(&reviewer(), code(), elements, None, &city.on("2026-11-02")).unwrap()
}

#[test]
fn a_version_goes_from_draft_to_publication() {
    let city = City::new();
    let occasion = city.on("2026-11-02");
    let submitted = draft(&city, elements(ShareType::Conditional)).submit(&reviewer(), None, &occasion).unwrap();
    assert_eq!(submitted.return_with(&authority(), " ", &occasion).unwrap_err().code(), "reason_missing");
    let returned = submitted.return_with(&authority(), "补充使用要求", &occasion).unwrap();
    assert_eq!((returned.standing().as_str(), returned.reason()), ("returned", Some("补充使用要求")));
    let rewritten = returned.rewrite(&reviewer(), elements(ShareType::Conditional), &occasion).unwrap();
    let approved =
        rewritten.submit(&reviewer(), None, &occasion).unwrap().approve(&authority(), false, &occasion).unwrap();
    assert!(approved.rewrite(&reviewer(), elements(ShareType::Conditional), &occasion).is_err(), "immutable");
    let (first, none) = approved.publish(&reviewer(), None, &occasion).unwrap();
    assert_eq!((first.standing().as_str(), first.version(), none), ("published", 1, None));
    let next = elements(ShareType::Unconditional);
    let second = Entry::draft(&reviewer(), code(), next, Some(&first), &occasion).unwrap();
    let second = second.submit(&reviewer(), None, &occasion).unwrap().approve(&authority(), false, &occasion).unwrap();
    let (second, superseded) = second.publish(&reviewer(), Some(&first), &occasion).unwrap();
    assert_eq!((second.version(), superseded.unwrap().standing().as_str()), (2, "superseded"));
}

#[test]
fn two_versions_drafted_side_by_side_are_not_both_published() {
    let city = City::new();
    let occasion = city.on("2026-11-02");
    let first = published(&city, ShareType::Conditional);
    let ready = || {
        let draft = Entry::draft(&reviewer(), code(), elements(ShareType::Conditional), Some(&first), &occasion);
        let submitted = draft.unwrap().submit(&reviewer(), None, &occasion).unwrap();
        submitted.approve(&authority(), false, &occasion).unwrap()
    };
    let (second, _) = ready().publish(&reviewer(), Some(&first), &occasion).unwrap();
    assert_eq!(ready().publish(&reviewer(), Some(&second), &occasion).unwrap_err().code(), "state");
}

#[test]
fn each_of_the_eleven_elements_is_asked_for() {
    let city = City::new();
    let occasion = city.on("2026-11-02");
    let blank: [(&str, Blank); 11] = [
        ("name", |elements| elements.name.clear()),
        ("category", |elements| elements.category.clear()),
        ("responsible", |elements| elements.responsible = " ".into()),
        ("format", |elements| elements.format.clear()),
        ("items", |elements| elements.items.clear()),
        ("update_cycle", |elements| elements.update_cycle.clear()),
        ("modes", |elements| elements.modes.clear()),
        ("open_type", |elements| elements.open_type.clear()),
        ("open_mode", |elements| elements.open_mode.clear()),
        ("use_requirements", |elements| elements.use_requirements.clear()),
        ("business_notes", |elements| elements.business_notes.clear()),
    ];
    for (name, blank) in blank {
        let mut elements = elements(ShareType::Conditional);
        blank(&mut elements);
        assert_eq!(elements.missing(), Some(name));
        let refused = draft(&city, elements).submit(&reviewer(), None, &occasion).unwrap_err();
        assert_eq!(refused.code(), "element_missing", "{name}");
    }
}

#[test]
fn what_is_not_shared_names_its_law_and_secrets_never_come_in() {
    let city = City::new();
    let occasion = city.on("2026-11-02");
    let mut lawless = elements(ShareType::NotShared);
    lawless.legal_basis = None;
    let refused = draft(&city, lawless).submit(&reviewer(), None, &occasion).unwrap_err();
    assert_eq!(refused.code(), "legal_basis_missing");
    let secret = Elements { secret: true, ..elements(ShareType::Conditional) };
    let first = Entry::draft(&reviewer(), code(), secret.clone(), None, &occasion);
    let second = draft(&city, elements(ShareType::Conditional)).rewrite(&reviewer(), secret, &occasion);
    assert_eq!((first, second), (Err(Refused::Secret), Err(Refused::Secret)));
}

#[test]
fn base_data_that_is_not_unconditional_is_confirmed() {
    let city = City::new();
    let occasion = city.on("2026-11-02");
    for (code, share_type, asked) in [
        ("101001001/000001", ShareType::Unconditional, false),
        ("101001001/000001", ShareType::Conditional, true),
        ("307001001/000011", ShareType::Conditional, false),
    ] {
        let code = ResourceCode::new(code).unwrap();
        let draft = Entry::draft(&reviewer(), code, elements(share_type), None, &occasion).unwrap();
        let submitted = draft.submit(&reviewer(), None, &occasion).unwrap();
        assert_eq!(submitted.approve(&authority(), false, &occasion).is_err(), asked);
        assert!(submitted.approve(&authority(), true, &occasion).is_ok());
    }
}

#[test]
fn only_the_owner_writes_and_only_the_authority_approves() {
    let city = City::new();
    let occasion = city.on("2026-11-02");
    let draft = draft(&city, elements(ShareType::Conditional));
    let submitted = draft.submit(&reviewer(), None, &occasion).unwrap();
    let stranger = person("qian@ga provider");
    assert_eq!(draft.rewrite(&stranger, elements(ShareType::Conditional), &occasion), Err(Refused::OtherParty));
    assert_eq!(draft.submit(&stranger, None, &occasion), Err(Refused::OtherParty));
    for who in ["wang@mz provider", "feng@sj operator", "wu@sj administrator", "sun@sj security_administrator"] {
        assert_eq!(submitted.approve(&person(who), true, &occasion).unwrap_err().code(), "role", "{who}");
    }
    assert!(published(&city, ShareType::Conditional).withdraw(&authority(), "不再提供", &occasion).is_ok());
    assert!(draft.approve(&authority(), true, &occasion).is_err(), "nothing was handed in");
}
