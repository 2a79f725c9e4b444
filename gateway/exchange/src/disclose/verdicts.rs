//! Verify answers: verdicts only, never a stored value.

use sluice_contract::answer::{Culprit, read_noting};
use sluice_contract::{BadAnswer, Compared, Fetched, Row};
use sluice_domain::compare::{Claim, Verdict, overall};
use sluice_domain::{ItemSet, Resource};

use super::{Body, KeyMatch, date_of_data, written};
use crate::ask::{Values, VerifyItem, set_of};

/// The outcome of one verified item.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Whether the subject was found.
    pub(crate) found: bool,
    /// One verdict per claim, in the order of the claims.
    pub(crate) verdicts: Vec<Verdict>,
    /// Date of the data, where the provider says.
    pub(crate) as_of: Option<String>,
}

impl TryFrom<Compared> for Judged {
    type Error = BadAnswer;

    fn try_from(compared: Compared) -> Result<Self, BadAnswer> {
        let (found, verdicts, as_of) = match compared {
            Compared::NotFound { as_of } => (false, Vec::new(), as_of),
            Compared::Found { verdicts, as_of } => (true, verdicts, as_of),
        };
        Ok(Self { found, verdicts, as_of: as_of.map(|text| date_of_data(&text)).transpose()? })
    }
}

/// Compares claims with the provider's records: the record with most matching claims decides, the
/// first on a tie.
///
/// # Errors
/// When anything of the answer cannot be proven clean; the item that is at fault is noted.
pub(crate) fn judge(
    resource: &Resource,
    item: &VerifyItem,
    fetched: &Fetched,
    culprit: &Culprit,
) -> Result<Judged, BadAnswer> {
    let claims = claims(resource, &item.claims);
    let key = KeyMatch::new(resource, &item.key);
    let wanted: ItemSet = set_of(&item.key).union(&set_of(&item.claims));
    let mut best: Option<(usize, Vec<Verdict>)> = None;
    let on_record = &mut |row: &Row<'_>| {
        key.check(row, culprit)?;
        let mut verdicts = Vec::with_capacity(claims.len());
        for (at, claim) in &claims {
            let stored = row.cell(*at).ok_or(BadAnswer::ItemMissing)?.as_text();
            verdicts.push(claim.against(stored.as_deref()));
        }
        let matches = verdicts.iter().filter(|verdict| **verdict == Verdict::Match).count();
        if best.as_ref().is_none_or(|(most, _)| matches > *most) {
            best = Some((matches, verdicts));
        }
        Ok(())
    };
    let envelope = read_noting(&fetched.pages, &fetched.layout, &wanted, on_record, culprit)?;
    let as_of = envelope.as_of.map(|text| date_of_data(&text)).transpose()?;
    Ok(match best {
        Some((_, verdicts)) => Judged { found: true, verdicts, as_of },
        None => Judged { found: false, verdicts: Vec::new(), as_of },
    })
}

fn claims(resource: &Resource, claims: &Values) -> Vec<(usize, Claim)> {
    let claim = |(at, value): &(usize, String)| {
        let item = resource.items.get(*at)?;
        Some((*at, Claim::new(item.kind, item.semantic, value)))
    };
    claims.iter().filter_map(claim).collect()
}

/// The body of a verify answer; `as_of` gives the date for each item.
pub(crate) fn body(
    resource: &Resource,
    items: &[VerifyItem],
    judged: &[Judged],
    is_batch: bool,
    as_of: impl Fn(&Judged) -> String,
) -> Body {
    let mut json = String::with_capacity(96 * items.len() + 16);
    if is_batch {
        json.push_str("{\"results\":[");
    }
    for (nth, (item, judged)) in items.iter().zip(judged).enumerate() {
        if nth > 0 {
            json.push(',');
        }
        json.push_str("{\"result\":\"");
        json.push_str(overall(judged.found, &judged.verdicts));
        json.push_str("\",\"claims\":{");
        for (nth, ((at, _), verdict)) in item.claims.iter().zip(&judged.verdicts).enumerate() {
            let code = resource.items.get(*at).map_or("", |item| item.code.as_str());
            json.push_str(if nth == 0 { "\"" } else { ",\"" });
            json.push_str(code);
            json.push_str("\":\"");
            json.push_str(verdict.as_str());
            json.push('"');
        }
        json.push_str("},\"as_of\":");
        written::string(&mut json, &as_of(judged));
        json.push('}');
    }
    if is_batch {
        json.push_str("]}");
    }
    Body::new(json)
}
