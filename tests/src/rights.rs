//! Who may do what, restated from the interface contract alone: the oracle of the rights tests.

use crate::city::{City, Grant, Resource};
use crate::clock::day;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Calling party.
    pub party: &'a str,
    /// Catalogue code.
    pub resource: &'a str,
    /// `verify` or `query`.
    pub mode: &'a str,
    /// Purpose.
    pub purpose: &'a str,
    /// Whether a case number is given.
    pub matter: bool,
    /// Key items.
    pub key: Vec<String>,
    /// Items claimed or wanted; `None` asks for all granted.
    pub fields: Option<Vec<String>>,
}

/// What may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// Items of the answer, in item order.
    pub fields: Vec<String>,
    /// Those of them in clear.
    pub clear: Vec<String>,
    /// Records of an answer and its chain.
    pub rows: Option<u32>,
}

/// How far a grant got, the later the better.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Reached {
    Required,
    Revoked,
    Suspended,
    Expired,
    Mode,
    Purpose,
    Field,
    RowScope,
}

impl Reached {
    fn code(self) -> &'static str {
        match self {
            Self::Required => "grant.required",
            Self::Revoked => "grant.revoked",
            Self::Suspended => "grant.suspended",
            Self::Expired => "grant.expired",
            Self::Mode => "grant.mode_not_granted",
            Self::Purpose => "grant.purpose_mismatch",
            Self::Field => "grant.field_not_granted",
            Self::RowScope => "grant.row_scope",
        }
    }
}

/// What the contract says to a well-formed call.
///
/// # Errors
/// The code of the refusal.
pub fn judge(city: &City, ask: &Ask<'_>) -> Result<Right, &'static str> {
    if city.party(ask.party).suspended {
        return Err("party.suspended");
    }
    if !city.purposes.iter().any(|purpose| purpose == ask.purpose) {
        return Err("purpose.unknown");
    }
    let resource = city.resources.iter().find(|resource| resource.code == ask.resource).ok_or("resource.not_found")?;
    if resource.share == "not_shared" {
        return Err("share.not_shared");
    }
    if !resource.modes.contains(&ask.mode) {
        return Err("mode.not_offered");
    }
    if resource.matter && !ask.matter {
        return Err("matter.missing");
    }
    if resource.share == "unconditional" {
        let all = resource.codes();
        let clear = |code: &String| resource.item(code).level <= 2;
        return Ok(right(resource, ask, &all, clear, None));
    }
    let mut grants: Vec<&Grant> =
        city.grants.iter().filter(|grant| grant.party == ask.party && grant.resource == ask.resource).collect();
    grants.sort_by(|a, b| a.id.cmp(&b.id));
    let mut furthest = Reached::Required;
    for grant in grants {
        match reach(resource, grant, ask) {
            Ok(()) => {
                let clear = |code: &String| {
                    resource.item(code).level <= grant.clear_level.min(3) || grant.clear_fields.contains(code)
                };
                return Ok(right(resource, ask, &grant.fields, clear, grant.rows));
            }
            Err(reached) => furthest = furthest.max(reached),
        }
    }
    Err(furthest.code())
}

fn reach(resource: &Resource, grant: &Grant, ask: &Ask<'_>) -> Result<(), Reached> {
    let today = day(0);
    let allowed = resource.departments.as_ref().is_none_or(|departments| departments.contains(&grant.party));
    if !allowed || grant.valid_from > today {
        return Err(Reached::Required);
    }
    match grant.state.as_str() {
        "revoked" => return Err(Reached::Revoked),
        "suspended" => return Err(Reached::Suspended),
        "expired" => return Err(Reached::Expired),
        _ if grant.valid_until < today => return Err(Reached::Expired),
        _ => {}
    }
    if !grant.modes.contains(&ask.mode) || (resource.verify_only && ask.mode != "verify") {
        return Err(Reached::Mode);
    }
    let offered =
        resource.purposes.as_ref().is_none_or(|purposes| purposes.iter().any(|purpose| purpose == ask.purpose));
    if !offered || !grant.purposes.iter().any(|purpose| purpose == ask.purpose) {
        return Err(Reached::Purpose);
    }
    let mut named = ask.key.iter().chain(ask.fields.iter().flatten());
    if !named.all(|code| grant.fields.contains(code)) {
        return Err(Reached::Field);
    }
    let names_a_citizen = ask.key.iter().any(|code| resource.item(code).semantic.as_deref() == Some("cn_id18"));
    if resource.by_subject && !names_a_citizen {
        return Err(Reached::RowScope);
    }
    Ok(())
}

fn right(
    resource: &Resource,
    ask: &Ask<'_>,
    granted: &[String],
    clear: impl Fn(&String) -> bool,
    rows: Option<u32>,
) -> Right {
    let asked = |code: &String| ask.fields.as_ref().is_none_or(|fields| fields.contains(code));
    let fields: Vec<String> =
        resource.codes().into_iter().filter(|code| granted.contains(code) && asked(code)).collect();
    let clear = fields.iter().filter(|code| clear(code)).cloned().collect();
    let rows = [rows, resource.rows].into_iter().flatten().min();
    Right { fields, clear, rows }
}
