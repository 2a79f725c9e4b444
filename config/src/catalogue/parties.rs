//! Purposes, parties with their handlers, and systems with their certificates.

use std::collections::HashMap;

use sluice_domain::identifiers;
use sluice_domain::ids::{HandlerId, PartyKey, PurposeCode, SystemId};
use sluice_domain::party::{Handler, Party, System};
use sluice_domain::policy::{PartyIx, Purpose};

use crate::catalogue::file::{PartyEntry, PurposeEntry, SystemEntry};
use crate::catalogue::index;
use crate::catalogue::places::{Findings, Names, Place, Placed};
use crate::material;
use crate::shape;

pub(crate) fn purposes(
    entries: &[Placed<PurposeEntry>],
    names: &mut Names,
    findings: &mut Findings<'_, '_>,
) -> Vec<Purpose> {
    let mut valid = Vec::new();
    for Placed { at, entry } in entries {
        let code = findings.identifier(PurposeCode::new(&entry.code), &at.below("code"));
        let Some(code) = code else { continue };
        if findings.declare(names, &entry.code, at, index(valid.len())) {
            valid.push(Purpose { code, name: entry.name.clone() });
        }
    }
    valid
}

pub(crate) fn parties(
    entries: &[Placed<PartyEntry>],
    names: &mut Names,
    findings: &mut Findings<'_, '_>,
) -> Vec<Party> {
    let mut valid = Vec::new();
    for Placed { at, entry } in entries {
        let Some(party) = findings.clean(|findings| party(entry, at, findings)) else { continue };
        if findings.declare(names, &entry.key, at, index(valid.len())) {
            valid.push(party);
        }
    }
    valid
}

fn party(entry: &PartyEntry, at: &Place, findings: &mut Findings<'_, '_>) -> Option<Party> {
    let key = findings.identifier(PartyKey::new(&entry.key), &at.below("key"));
    if !identifiers::is_uscc(&entry.uscc) {
        let message = "\"uscc\": not a 统一社会信用代码 (GB 32100): wrong form or check digit";
        findings.fault(&at.below("uscc"), message, shape::example("uscc"));
    }
    let handlers = handlers(entry, at, findings);
    Some(Party {
        key: key?,
        uscc: entry.uscc.clone(),
        name: entry.name.clone(),
        kind: entry.kind.clone(),
        state: entry.state,
        handlers,
    })
}

fn handlers(party: &PartyEntry, at: &Place, findings: &mut Findings<'_, '_>) -> Vec<Handler> {
    let mut valid: Vec<Handler> = Vec::new();
    for (position, entry) in party.handlers.iter().enumerate() {
        let at = at.below(format_args!("handlers.{position}.id"));
        let Some(id) = findings.identifier(HandlerId::new(&entry.id), &at) else { continue };
        if identifiers::is_cn_id18(&entry.id) {
            findings.fault(
                &at,
                "\"id\": a citizen's id never names a handler (X03)",
                Some(String::from("example: id = \"u-0001\"")),
            );
        } else if valid.iter().any(|other| other.id == id) {
            findings.fault(&at, format!("handler \"{id}\" of party \"{}\" is declared twice", party.key), None);
        } else {
            valid.push(Handler { id, name: entry.name.clone(), post: entry.post.clone(), state: entry.state });
        }
    }
    valid
}

pub(crate) fn systems(
    entries: &[Placed<SystemEntry>],
    parties: &Names,
    findings: &mut Findings<'_, '_>,
) -> Vec<System> {
    let mut names = Names::of("system");
    let mut owners: HashMap<[u8; 32], String> = HashMap::new();
    let mut valid = Vec::new();
    for Placed { at, entry } in entries {
        let system = findings.clean(|findings| {
            let fingerprints = fingerprints(entry, at, &mut owners, findings);
            let party = findings.look_up(parties, &entry.party, &at.below("party"));
            let id = findings.identifier(SystemId::new(&entry.id), &at.below("id"));
            Some(System { id: id?, party: PartyIx(party?), fingerprints })
        });
        if findings.declare(&mut names, &entry.id, at, index(valid.len())) {
            valid.extend(system);
        }
    }
    valid
}

/// A certificate stands for one system only: a second one that names it is a fault.
fn fingerprints(
    system: &SystemEntry,
    at: &Place,
    owners: &mut HashMap<[u8; 32], String>,
    findings: &mut Findings<'_, '_>,
) -> Vec<[u8; 32]> {
    if system.certificates.is_empty() && system.fingerprints.is_empty() {
        let hint = Some(String::from("example: certificates = [\"pki/parties/mz/cert.pem\"]"));
        findings.fault(
            at,
            format!("system \"{}\" has neither certificates nor fingerprints: nothing could call as it", system.id),
            hint,
        );
    }
    let mut read = Vec::new();
    for (position, path) in system.certificates.iter().enumerate() {
        let at = at.below(format_args!("certificates.{position}"));
        let path = findings.resolve(&at, path);
        match material::fingerprint(&path) {
            Ok(print) => read.push((at, print)),
            Err(cause) => findings.fault(&at, cause, None),
        }
    }
    for (position, text) in system.fingerprints.iter().enumerate() {
        let at = at.below(format_args!("fingerprints.{position}"));
        if let Some(print) = material::fingerprint_of_hex(text) {
            read.push((at, print));
        } else {
            let hint = Some(String::from("print it: openssl x509 -in cert.pem -noout -fingerprint -sha256"));
            findings.fault(&at, "a fingerprint is 64 hexadecimal digits (SHA-256 of the certificate)", hint);
        }
    }
    let mut own = Vec::new();
    for (at, print) in read {
        let owner = owners.entry(print).or_insert_with(|| system.id.clone());
        if *owner == system.id {
            own.push(print);
        } else {
            findings.fault(&at, format!("this certificate already stands for system \"{owner}\""), None);
        }
    }
    own.sort_unstable();
    own.dedup();
    own
}
