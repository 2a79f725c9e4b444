//! Random histories of one application and its grant. Whatever people try, in whatever order: no grant lives without
//! the decisions that the regulation asks for, and nobody decides who may not.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sluice_domain::Day;
use sluice_domain::catalogue::Level;
use sluice_domain::grant::GrantState;
use sluice_domain::workflow::application::ReasonCode;
use sluice_domain::workflow::dispute::View;
use sluice_domain::workflow::{
    Actor, Application, Approval, IssuedGrant, Narrowing, Offer, Outcome, Refused, Role, Verdict, Warrant,
};

use crate::world::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    TakeUp,
    Return,
    Resubmit,
    Approve,
    Narrow,
    Confirm,
    Second,
    SendBack,
    Reject,
    Withdraw,
    Dispute,
    Rest,
    Coordinate,
    Overrule,
    Amend,
    Uphold,
    Execute,
    Suspend,
    Resume,
    Revoke,
    DisputeGrant,
    OverruleGrant,
    ExecuteGrant,
}

use Try::*;

const TRIES: [Try; 23] = [
    TakeUp,
    Return,
    Resubmit,
    Approve,
    Narrow,
    Confirm,
    Second,
    SendBack,
    Reject,
    Withdraw,
    Dispute,
    Rest,
    Coordinate,
    Overrule,
    Amend,
    Uphold,
    Execute,
    Suspend,
    Resume,
    Revoke,
    DisputeGrant,
    OverruleGrant,
    ExecuteGrant,
];

const PEOPLE: [&str; 13] = [
    "zhao@rs consumer",
    "chen@rs consumer chief_data_officer",
    "wang@mz provider",
    "xu@mz provider chief_data_officer",
    "li@mz chief_data_officer",
    "zhou@sp authority",
    "sun@sj security_administrator",
    "wu@sj administrator",
    "zheng@sj auditor",
    "feng@sj operator",
    "qian@ga provider consumer chief_data_officer",
    "zhao@mz provider",
    "sun@mz provider",
];

/// Who would mostly be the one to do it, so that histories get far.
fn likely(what: Try) -> usize {
    match what {
        Resubmit | Withdraw | Dispute | Rest | DisputeGrant => 1,
        Confirm => 4,
        Second => 6,
        Coordinate | Overrule | Amend | Uphold | OverruleGrant => 5,
        SendBack => 3,
        _ => 2,
    }
}

/// What has happened to one application, as its steps succeeded: the requirement restated without the code under test.
#[derive(Default)]
struct Told {
    /// The provider's word since the review last began anew: who, and whether on the authority's order.
    proposed: Option<(Actor, bool)>,
    confirmed: Option<Actor>,
    seconded: Option<Actor>,
    ordered: bool,
    /// The authority has decided against the grant's suspension or revocation, and that was not carried out yet.
    grant_overruled: bool,
}

impl Told {
    /// The review begins anew; what was decided about the grant stands.
    fn anew(&self, proposed: (Actor, bool)) -> Self {
        Self { proposed: Some(proposed), grant_overruled: self.grant_overruled, ..Self::default() }
    }
}

struct Story<'c> {
    city: &'c City,
    offer: Offer,
    two_steps: bool,
    clear: bool,
    application: Application,
    grant: Option<IssuedGrant>,
    told: Told,
    now_s: i64,
}

impl Story<'_> {
    /// Tries one step; `Ok` if it was taken.
    #[expect(clippy::too_many_lines, reason = "one arm for each step")]
    fn take(&mut self, what: Try, actor: &Actor) -> Result<(), Refused> {
        let city = self.city;
        let occasion = city.at(self.now_s);
        let only_name = Narrowing { fields: Some(items(&["XM"])), ..Narrowing::default() };
        let (application, offer) = (self.application.clone(), self.offer.clone());
        let verdict = |outcome| {
            let execute_by = occasion.today().plus(10).unwrap();
            Verdict { outcome, document_no: "临政审协〔2026〕3号".into(), execute_by }
        };
        let view = View { text: "意见".into(), files: Vec::new() };
        let mut warrant = None;
        self.application = match what {
            TakeUp => application.take_up(actor, &occasion)?,
            Return => application.return_for(actor, &["公章".into()], &occasion)?,
            Resubmit => application.resubmit(actor, application.request().clone(), &offer, &occasion)?,
            Approve | Narrow => {
                let approval = if what == Narrow { leaving(&["XM"]) } else { Approval::default() };
                let reviewed = application.approve(actor, approval, &offer, &occasion)?;
                self.told = self.told.anew((actor.clone(), false));
                warrant = reviewed.warrant;
                reviewed.application
            }
            Confirm => {
                let reviewed = application.confirm(actor, &offer, &occasion)?;
                self.told.confirmed = Some(actor.clone());
                warrant = reviewed.warrant;
                reviewed.application
            }
            Second => {
                let reviewed = application.second(actor, "PIA-2026-3", &offer, &occasion)?;
                self.told.seconded = Some(actor.clone());
                warrant = reviewed.warrant;
                reviewed.application
            }
            SendBack => {
                let sent_back = application.send_back(actor, "重新审核", &offer, &occasion)?;
                self.told.proposed = None;
                sent_back
            }
            Reject => application.reject(actor, ReasonCode::Other, "不符", &occasion)?,
            Withdraw => application.withdraw(actor, &occasion)?,
            Dispute => application.raise_dispute(actor, "意见不一致", &occasion)?,
            Rest => application.rest_dispute(actor, &occasion)?,
            Coordinate => application.coordinate(actor, view, None, &occasion)?,
            Overrule | Amend | Uphold => {
                let outcome = match what {
                    Overrule => Outcome::Overrule,
                    Amend => Outcome::Amend,
                    _ => Outcome::Uphold,
                };
                let decided = application.decide(actor, &verdict(outcome), &only_name, &occasion)?;
                self.told.ordered = outcome != Outcome::Uphold && actor.roles.contains(Role::Authority);
                decided
            }
            Execute => {
                let ordered = self.told.ordered;
                let reviewed = application.execute(actor, &offer, &occasion)?;
                self.told = self.told.anew((actor.clone(), ordered));
                warrant = reviewed.warrant;
                reviewed.application
            }
            Suspend | Resume | Revoke | DisputeGrant | OverruleGrant | ExecuteGrant => {
                return self.take_on_grant(what, actor);
            }
        };
        if let Some(warrant) = warrant {
            self.check_warrant(&warrant);
            self.grant = Some(match &self.grant {
                Some(grant) => grant.amend(warrant)?,
                None => IssuedGrant::issue(warrant, &occasion),
            });
        }
        Ok(())
    }

    fn take_on_grant(&mut self, what: Try, actor: &Actor) -> Result<(), Refused> {
        let occasion = self.city.at(self.now_s);
        let Some(grant) = &self.grant else { return Err(Refused::OtherParty) };
        let execute_by = occasion.today().plus(10).unwrap();
        let overrule = Verdict { outcome: Outcome::Overrule, document_no: "3".into(), execute_by };
        let next = match what {
            Suspend => grant.suspend(actor, "核查", &occasion)?,
            Resume => grant.resume(actor, &occasion)?,
            Revoke => grant.revoke(actor, "目的已达成", &occasion)?,
            DisputeGrant => grant.raise_dispute(actor, "仍在使用", &occasion)?,
            OverruleGrant => grant.decide(actor, &overrule, &Narrowing::default(), &occasion)?,
            _ => grant.execute(actor, &occasion)?,
        };
        match what {
            OverruleGrant => self.told.grant_overruled = actor.roles.contains(Role::Authority),
            _ if grant.state() == GrantState::Revoked && next.state() == GrantState::Active => {
                assert!(self.told.grant_overruled, "revoked is for good, unless the authority decides otherwise");
                assert_eq!(actor.party.as_str(), PROVIDER, "and the provider carries it out");
            }
            _ => {}
        }
        if what == ExecuteGrant {
            self.told.grant_overruled = false;
        }
        assert!(next.scope().is_within(grant.scope()), "no step of a grant widens it");
        self.grant = Some(next);
        Ok(())
    }

    fn check_warrant(&self, warrant: &Warrant) {
        let asked = &self.application.request().scope;
        assert!(warrant.scope().is_within(asked), "never more than was asked for");
        let (proposer, ordered) = self.told.proposed.as_ref().expect("the provider decides (D21-3)");
        assert!(proposer.roles.contains(Role::Provider) && proposer.party.as_str() == PROVIDER);
        let mut people = vec![proposer];
        if self.two_steps && !ordered {
            let head = self.told.confirmed.as_ref().expect("two steps in this party (X08)");
            assert_eq!(head.party.as_str(), PROVIDER);
            people.push(head);
        }
        let sensitive = warrant.scope().clear_fields.iter().any(|item| self.offer.items.get(item) == Some(&Level::L4));
        assert!(self.clear || !sensitive);
        if sensitive {
            let second = self.told.seconded.as_ref().expect("clear L4 items have a second approver (X01)");
            assert!(second.roles.contains(Role::SecurityAdministrator));
            people.push(second);
        }
        let users: BTreeSet<_> = people.iter().map(|actor| actor.user.as_str()).collect();
        assert_eq!(users.len(), people.len(), "each consent is another person's");
    }
}

#[test]
fn no_grant_lives_without_its_decisions() {
    let city = City::new();
    let offer = offer(&city);
    let [granted, ordered, second, undone] = [const { Cell::new(0_u32) }; 4];
    let step = (prop::sample::select(&TRIES[..]), prop::option::weighted(0.25, 0..PEOPLE.len()), 0_i64..4);
    let histories = (any::<bool>(), any::<bool>(), prop::collection::vec(step, 1..60));
    let mut runner = TestRunner::new(Config { cases: 3_000, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&histories, |(two_steps, clear, steps)| {
        let asked = if clear { request(&["XM", "YHZH"], &["YHZH"]) } else { request(&["XM", "DH"], &["DH"]) };
        let application = submitted(&city, asked, two_steps);
        let now_s = Day::parse("2026-11-20").unwrap().start_unix_s() + 10 * 3600;
        let told = Told::default();
        let mut story =
            Story { city: &city, offer: offer.clone(), two_steps, clear, application, grant: None, told, now_s };
        for (what, who, days) in steps {
            story.now_s += days * 86_400;
            let actor = person(PEOPLE[who.unwrap_or(likely(what))]);
            let before = (story.application.clone(), story.grant.clone());
            if story.take(what, &actor).is_err() {
                prop_assert_eq!(&before, &(story.application.clone(), story.grant.clone()), "refused means unchanged");
                continue;
            }
            let watches = [Role::Administrator, Role::Auditor, Role::Operator];
            prop_assert!(!watches.iter().any(|role| actor.roles.contains(*role)), "{:?} by {:?}", what, actor);
            prop_assert!(actor.party.as_str() != "ga", "a stranger's step was taken: {:?}", what);
            let live = story.grant.as_ref().is_some_and(|grant| grant.state() == GrantState::Active);
            prop_assert!(!live || story.application.history().events().len() > 1);
            granted.set(granted.get() + u32::from(live));
            ordered.set(ordered.get() + u32::from(live && what == Execute));
            second.set(second.get() + u32::from(live && what == Second));
            undone.set(undone.get() + u32::from(live && what == ExecuteGrant));
        }
        Ok(())
    });
    outcome.unwrap();
    for (reached, what) in
        [(&granted, "grants"), (&ordered, "orders"), (&second, "seconds"), (&undone, "reinstatements")]
    {
        assert!(reached.get() > 0, "the histories never reached {what}");
    }
}
