//! Roles of people in the control plane, and which of them one person may hold (三员分立, GB/T 39477 6.2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 系统管理员: accounts, parties, systems, certificates.
    Administrator,
    /// 安全管理员: roles, policy, second approvals.
    SecurityAdministrator,
    /// 审计员: access records, ledger, reviews; changes nothing else.
    Auditor,
    /// 提供部门: reviews what is asked of the own party.
    Provider,
    /// 使用部门: asks for the own party.
    Consumer,
    /// 首席数据官 of the own party (D06-3).
    ChiefDataOfficer,
    /// 主管部门 (D06-1).
    Authority,
    /// 平台运营: runs the exchange, sees no payload, decides nothing (D06-2).
    Operator,
}

impl Role {
    /// All, in the order of the matrix.
    pub const ALL: [Self; 8] = [
        Self::Administrator,
        Self::SecurityAdministrator,
        Self::Auditor,
        Self::Provider,
        Self::Consumer,
        Self::ChiefDataOfficer,
        Self::Authority,
        Self::Operator,
    ];

    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::SecurityAdministrator => "security_administrator",
            Self::Auditor => "auditor",
            Self::Provider => "provider",
            Self::Consumer => "consumer",
            Self::ChiefDataOfficer => "chief_data_officer",
            Self::Authority => "authority",
            Self::Operator => "operator",
        }
    }

    /// Whether the role stands beside others: those of a department do. The three administrators and the operator are
    /// kept apart from each other and from all they watch or run; the authority judges between departments and acts
    /// for none.
    fn combines(self) -> bool {
        matches!(self, Self::Provider | Self::Consumer | Self::ChiefDataOfficer)
    }
}

/// The roles of one account: at least one, and none that must be kept apart.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Role>", into = "Vec<Role>")]
pub struct Roles(u8);

/// Roles that one person may not hold together, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RolesError {
    /// An account without a role.
    #[error("an account has at least one role")]
    None,
    /// A role that stands alone.
    #[error("{} stands alone: it is never combined with {}", alone.as_str(), other.as_str())]
    Combined {
        /// The role that stands alone.
        alone: Role,
        /// A role beside it.
        other: Role,
    },
}

impl Roles {
    /// A lawful set of roles.
    ///
    /// # Errors
    /// When it is empty or combines what 三员分立 keeps apart.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Result<Self, RolesError> {
        let set = Self(roles.into_iter().fold(0, |bits, role| bits | (1 << role as u8)));
        let Some(first) = set.iter().next() else { return Err(RolesError::None) };
        let Some(alone) = set.iter().find(|role| !role.combines()) else { return Ok(set) };
        match set.iter().find(|role| *role != alone) {
            Some(other) => Err(RolesError::Combined { alone, other }),
            None => Ok(Self(1 << first as u8)),
        }
    }

    /// Whether the role is among them.
    pub fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// The roles in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl TryFrom<Vec<Role>> for Roles {
    type Error = RolesError;
    fn try_from(roles: Vec<Role>) -> Result<Self, RolesError> {
        Self::new(roles)
    }
}

impl From<Roles> for Vec<Role> {
    fn from(roles: Roles) -> Self {
        roles.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_roles_of_a_department_combine() {
        for first in Role::ALL {
            assert!(Roles::new([first]).is_ok_and(|roles| roles.contains(first)));
            for second in Role::ALL {
                let departmental = [first, second].iter().all(|role| role.combines());
                let lawful = first == second || departmental;
                assert_eq!(Roles::new([first, second]).is_ok(), lawful, "{first:?} {second:?}");
            }
        }
        assert_eq!(Roles::new([]), Err(RolesError::None));
    }

    #[test]
    fn unlawful_roles_are_not_read_either() {
        for (json, fault) in [
            (r#"["provider","consumer"]"#, None),
            (r"[]", Some("an account has at least one role")),
            (r#"["auditor","administrator"]"#, Some("administrator stands alone: it is never combined with auditor")),
            (r#"["authority","provider"]"#, Some("authority stands alone: it is never combined with provider")),
        ] {
            let read = serde_json::from_str::<Roles>(json);
            assert_eq!(read.err().map(|fault| fault.to_string()).as_deref(), fault, "{json}");
        }
    }
}
