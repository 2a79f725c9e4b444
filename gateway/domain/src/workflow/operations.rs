//! What people may do in the control plane, and which role may do it: one matrix, as data.
//!
//! A workflow asks it before anything else ([`Actor::may`]), and the API asks it of every route, so a rule that
//! is not a row here does not exist.

use serde::{Deserialize, Serialize};

use super::Refused;
use super::roles::{Role, Roles};
use crate::ids::{PartyKey, UserId};

/// How far a role reaches with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Not at all.
    None,
    /// For the own party.
    Own,
    /// For every party.
    Every,
}

/// Whether an operation changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It shows something.
    Reads,
    /// It changes something, so it leaves an ADMIN record.
    Changes,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $word:literal $effect:ident
        [$adm:ident $sec:ident $aud:ident $pro:ident $con:ident $cdo:ident $aut:ident $opr:ident];)*) => {
        /// An operation of the control plane.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Operation {
            /// All, in the order of the matrix.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Stable word: the noun, a full stop, the verb.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// Whether it changes anything.
            pub fn effect(self) -> Effect {
                match self {
                    $(Self::$name => Effect::$effect,)*
                }
            }

            /// How far each role reaches, in the order of [`Role::ALL`].
            const fn row(self) -> [Reach; 8] {
                #[expect(non_upper_case_globals, reason = "the letters of the matrix")]
                const o: Reach = Reach::Own;
                const E: Reach = Reach::Every;
                #[expect(non_upper_case_globals, reason = "the letters of the matrix")]
                const x: Reach = Reach::None;
                match self {
                    $(Self::$name => [$adm, $sec, $aud, $pro, $con, $cdo, $aut, $opr],)*
                }
            }
        }
    };
}

// Columns: administrator, security administrator, auditor, provider, consumer, chief data officer, authority, operator.
// x nothing, o the own party, E every party.
operations! {
    /// Accounts are seen.
    UserRead = "user.read" Reads [E E E x x x x x];
    /// Accounts are made, disabled, given a new password.
    UserChange = "user.change" Changes [E x x x x x x x];
    /// Roles are given and taken: not by who makes accounts.
    RoleChange = "role.change" Changes [x E x x x x x x];
    /// A token for scripts, for oneself.
    TokenIssue = "token.issue" Changes [o o o o o o o o];
    /// Parties are seen.
    PartyRead = "party.read" Reads [E E E E E E E E];
    /// Parties are registered and suspended (D02-1).
    PartyChange = "party.change" Changes [E x x x x x x x];
    /// Systems and their certificates are seen.
    SystemRead = "system.read" Reads [E E E o o o E E];
    /// Systems are registered and suspended, certificates issued and revoked.
    SystemChange = "system.change" Changes [E x x x x x x x];
    /// Registered people are seen (X03).
    HandlerRead = "handler.read" Reads [E E E o o o E x];
    /// People are registered and barred (X03).
    HandlerChange = "handler.change" Changes [E x x x x o x x];
    /// The list of purposes and the policy profile are changed.
    PolicyChange = "policy.change" Changes [x E x x x x x x];
    /// A working-day calendar is loaded.
    CalendarLoad = "calendar.load" Changes [x E x x x x x x];
    /// Catalogue entries are seen, drafts included.
    EntryRead = "entry.read" Reads [E E E o o o E E];
    /// An entry is drafted and changed (D08-3).
    EntryDraft = "entry.draft" Changes [x x x o x x x x];
    /// An entry is handed in for review (D08-3).
    EntrySubmit = "entry.submit" Changes [x x x o x o x x];
    /// An entry is approved or returned (D08-3, D06-1).
    EntryReview = "entry.review" Changes [x x x x x x E x];
    /// An approved entry is published (D08-3).
    EntryPublish = "entry.publish" Changes [x x x o x x x x];
    /// A published entry is taken back.
    EntryWithdraw = "entry.withdraw" Changes [x x x o x x E x];
    /// Data that is not catalogued is asked for (X06).
    DataRequestAsk = "data_request.ask" Changes [x x x x o o x x];
    /// A provider is named for a data request (X06).
    DataRequestAssign = "data_request.assign" Changes [x x x x x x E x];
    /// A data request is answered (X06).
    DataRequestAnswer = "data_request.answer" Changes [x x x o x x x x];
    /// Applications are seen by both sides.
    ApplicationRead = "application.read" Reads [x x E o o o E x];
    /// An application is drafted, submitted, supplemented (D21-2).
    ApplicationSubmit = "application.submit" Changes [x x x x o x x x];
    /// An application is taken back by who made it.
    ApplicationWithdraw = "application.withdraw" Changes [x x x x o x x x];
    /// The reviewer is reminded by the applicant.
    ApplicationUrge = "application.urge" Changes [x x x x o o x x];
    /// An application is taken up, returned for a supplement, approved, rejected (D21-3, D21-5).
    ApplicationReview = "application.review" Changes [x x x o x x x x];
    /// The second step in the provider's party (X08).
    ApplicationConfirm = "application.confirm" Changes [x x x o x o x x];
    /// The second approver of clear L4 items (X01).
    ApplicationSecond = "application.second" Changes [x E x x x x x x];
    /// A review is extended with the authority's consent.
    ApplicationExtend = "application.extend" Changes [x x x x x x E x];
    /// A disagreement is brought before the authority (D21-6).
    DisputeRaise = "dispute.raise" Changes [x x x x o o x x];
    /// A side states its view (X04).
    DisputeState = "dispute.state" Changes [x x x o o o x x];
    /// A disagreement is coordinated and decided (D21-6).
    DisputeDecide = "dispute.decide" Changes [x x x x x x E x];
    /// A decision is carried out by the provider (X04).
    DisputeExecute = "dispute.execute" Changes [x x x o x x x x];
    /// Grants are seen by both sides.
    GrantRead = "grant.read" Reads [x E E o o o E E];
    /// A grant is suspended, resumed, revoked.
    GrantChange = "grant.change" Changes [x x x o x x E x];
    /// The yearly word that a grant is still used as granted (D22-2).
    GrantAttest = "grant.attest" Changes [x x x x o o x x];
    /// A grant on a not-shared resource by statute is proposed by its provider (X05).
    ExceptionPropose = "exception.propose" Changes [x x x o x x x x];
    /// … and countersigned by the authority (X05).
    ExceptionCountersign = "exception.countersign" Changes [x x x x x x E x];
    /// A not-shared resource is asked for (D21-7).
    NotSharedAsk = "not_shared.ask" Changes [x x x x o x x x];
    /// A department states its view in the deliberation (D21-7).
    NotSharedState = "not_shared.state" Changes [x x x o o o x x];
    /// The deliberation is held and decided (D21-7).
    NotSharedDecide = "not_shared.decide" Changes [x x x x x x E x];
    /// The provider changes the share type on the authority's order (D21-8).
    ShareTypeExecute = "share_type.execute" Changes [x x x o x x x x];
    /// A doubt is raised and closed (D24-2).
    CorrectionRaise = "correction.raise" Changes [x x x x o x x x];
    /// A doubt is checked and corrected (D24-3).
    CorrectionCheck = "correction.check" Changes [x x x o x x x x];
    /// Access records and explanations are seen (D22-2).
    AccessRecordRead = "access_record.read" Reads [x x E o o o x x];
    /// Records about a person are searched for; another person holds the key.
    SubjectSearchAsk = "subject_search.ask" Changes [x x E x x x x x];
    /// … and lets the search run.
    SubjectSearchApprove = "subject_search.approve" Changes [x E x x x x x x];
    /// A periodic review of access records is opened and closed.
    ReviewHold = "review.hold" Changes [x x E x x x x x];
    /// Checkpoints and proofs are seen.
    LedgerRead = "ledger.read" Reads [x E E x x x E E];
    /// Reports are seen.
    ReportRead = "report.read" Reads [x x E o o o E E];
    /// An outage is announced (X09).
    OutageAnnounce = "outage.announce" Changes [x x x o x x x E];
    /// The own inbox.
    NoticeRead = "notice.read" Reads [o o o o o o o o];
}

impl Operation {
    /// How far a role reaches.
    pub fn reach(self, role: Role) -> Reach {
        let row = self.row();
        Role::ALL.into_iter().zip(row).find(|(column, _)| *column == role).map_or(Reach::None, |(_, reach)| reach)
    }
}

/// Who acts: a person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account.
    pub user: UserId,
    /// The person's party.
    pub party: PartyKey,
    /// The person's roles.
    pub roles: Roles,
}

impl Actor {
    /// How far the person reaches with an operation: by the widest of the roles.
    pub fn reach(&self, operation: Operation) -> Reach {
        self.roles.iter().map(|role| operation.reach(role)).max().unwrap_or(Reach::None)
    }

    /// Whether the person may do this for a party.
    ///
    /// # Errors
    /// [`Refused::Role`] when no role of theirs may; [`Refused::OtherParty`] when it may for the own party only, which
    /// is told like a record that does not exist.
    pub fn may(&self, operation: Operation, party: &PartyKey) -> Result<(), Refused> {
        match self.reach(operation) {
            Reach::Every => Ok(()),
            Reach::Own if self.party == *party => Ok(()),
            Reach::Own => Err(Refused::OtherParty),
            Reach::None => Err(Refused::Role { operation }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_watches_or_runs_decides_nothing() {
        for operation in Operation::ALL {
            if operation.effect() == Effect::Changes {
                let word = operation.as_str();
                let own = matches!(operation, Operation::TokenIssue);
                let watch = matches!(operation, Operation::SubjectSearchAsk | Operation::ReviewHold);
                let run = matches!(operation, Operation::OutageAnnounce);
                assert!(own || watch || operation.reach(Role::Auditor) == Reach::None, "{word}");
                assert!(own || run || operation.reach(Role::Operator) == Reach::None, "{word}");
            }
        }
        assert_eq!(Operation::AccessRecordRead.reach(Role::Operator), Reach::None, "blind to payloads (D06-2)");
    }

    /// Two steps of one matter that must lie with different roles.
    #[test]
    fn no_role_does_both_sides_of_a_decision() {
        for (one, other) in [
            (Operation::UserChange, Operation::RoleChange),
            (Operation::EntrySubmit, Operation::EntryReview),
            (Operation::ApplicationSubmit, Operation::ApplicationReview),
            (Operation::ApplicationReview, Operation::ApplicationSecond),
            (Operation::DisputeRaise, Operation::DisputeDecide),
            (Operation::DisputeDecide, Operation::DisputeExecute),
            (Operation::ExceptionPropose, Operation::ExceptionCountersign),
            (Operation::NotSharedAsk, Operation::NotSharedDecide),
            (Operation::NotSharedDecide, Operation::ShareTypeExecute),
            (Operation::SubjectSearchAsk, Operation::SubjectSearchApprove),
        ] {
            for role in Role::ALL {
                let both = [one, other].iter().all(|operation| operation.reach(role) > Reach::None);
                assert!(!both, "{role:?}: {} and {}", one.as_str(), other.as_str());
            }
        }
    }

    #[test]
    fn departments_change_only_their_own() {
        for operation in Operation::ALL.iter().filter(|operation| operation.effect() == Effect::Changes) {
            for role in [Role::Provider, Role::Consumer, Role::ChiefDataOfficer] {
                assert_ne!(operation.reach(role), Reach::Every, "{} {role:?}", operation.as_str());
            }
        }
    }

    #[test]
    fn every_operation_is_somebodys_and_its_word_is_its_own() {
        let words: std::collections::BTreeSet<_> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
        assert_eq!(words.len(), Operation::ALL.len());
        for operation in Operation::ALL {
            assert!(Role::ALL.iter().any(|role| operation.reach(*role) > Reach::None), "{}", operation.as_str());
        }
    }

    #[test]
    fn a_person_reaches_as_far_as_the_widest_role() {
        let actor = |party: &str, roles: &[Role]| Actor {
            user: UserId::new("li.na").unwrap(),
            party: PartyKey::new(party).unwrap(),
            roles: Roles::new(roles.iter().copied()).unwrap(),
        };
        let mz = PartyKey::new("mz").unwrap();
        for (party, roles, answer) in [
            ("mz", &[Role::Provider][..], Ok(())),
            ("mz", &[Role::Consumer, Role::Provider], Ok(())),
            ("rs", &[Role::Provider], Err(Refused::OtherParty)),
            ("mz", &[Role::Consumer], Err(Refused::Role { operation: Operation::ApplicationReview })),
            ("mz", &[Role::Administrator], Err(Refused::Role { operation: Operation::ApplicationReview })),
        ] {
            assert_eq!(actor(party, roles).may(Operation::ApplicationReview, &mz), answer, "{party} {roles:?}");
        }
        assert_eq!(actor("sp", &[Role::Authority]).may(Operation::DisputeDecide, &mz), Ok(()));
    }
}
