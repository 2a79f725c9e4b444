//! Bindings: which system answers for which resource, checked against its items, with the files and
//! secrets that they refer to.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

use sluice_contract::spec::{RestSpec, SecretText, SecretUse};
use sluice_domain::Egress;
use sluice_domain::catalogue::{Mode, Resource, ShareType};
use sluice_domain::policy::ResourceIx;

use crate::catalogue::places::{Findings, Names, Place, Placed};
use crate::document::read_bounded;
use crate::material;
use crate::secret::SecretRef;
use crate::shape;

/// Headers that carry secrets by convention; parts of names, lower case.
const SECRET_HEADERS: [&str; 8] =
    ["authorization", "cookie", "secret", "password", "token", "appkey", "api-key", "apikey"];

/// A resource and how it is reached.
#[derive(Debug, Clone)]
pub struct Docking {
    /// The resource, in the snapshot of the same catalogue.
    pub resource: ResourceIx,
    /// The binding. Paths are relative to the process's folder and `file:`/`env:` references hold
    /// the secret itself, so it is not to be written anywhere.
    pub spec: RestSpec,
}

pub(crate) fn bindings(
    entries: &[Placed<RestSpec>],
    resources: &[Resource],
    names: &Names,
    egress: Option<&Egress>,
    findings: &mut Findings<'_, '_>,
) -> Vec<Docking> {
    let mut bound = HashSet::new();
    let mut misdirected = false;
    let mut valid = Vec::new();
    for Placed { at, entry } in entries {
        let code = entry.resource.as_str();
        if !bound.insert(code) {
            findings.fault(&at.below("resource"), format!("resource \"{code}\" has two bindings"), None);
            misdirected = true;
            continue;
        }
        let Some(index) = findings.look_up(names, code, &at.below("resource")) else {
            misdirected = true;
            continue;
        };
        let resource = ResourceIx(index);
        let Some(catalogued) = resources.get(resource.at()) else { continue };
        for fault in entry.check(catalogued) {
            findings.fault(
                &at.below(&fault.place),
                format!("\"{}\": {}", fault.place, fault.fault),
                Some(format!("example: {}", fault.example)),
            );
        }
        if let Some(egress) = egress {
            check_egress(entry, at, egress, findings);
        }
        let mut spec = entry.clone();
        resolve_files(&mut spec, at, findings);
        resolve_secrets(&mut spec, at, findings);
        valid.push(Docking { resource, spec });
    }
    // A binding with a wrong resource was meant for one that now seems to lack its own.
    if !misdirected && entries.len() == findings.count("rest") {
        require_bindings(resources, &bound, names, findings);
    }
    valid
}

/// A resource that promises answers needs someone to answer. There is no exception: a published
/// promise that every call would break is a fault of the catalogue, and a note, being text for
/// people, must not switch a check off. An undocked resource is left out, or offers fewer modes.
fn require_bindings(resources: &[Resource], bound: &HashSet<&str>, names: &Names, findings: &mut Findings<'_, '_>) {
    for resource in resources.iter().filter(|resource| resource.share_type != ShareType::NotShared) {
        let answered: Vec<&str> = resource.modes.iter().filter(|mode| *mode != Mode::Push).map(Mode::as_str).collect();
        if answered.is_empty() || bound.contains(resource.code.as_str()) {
            continue;
        }
        let Some(at) = names.place(resource.code.as_str()) else { continue };
        let message = format!("resource \"{}\" offers {} but has no binding", resource.code, answered.join(", "));
        let hint = "add [[rest]] with resource, base_url and style = \"standard\", or leave these modes out until it is docked";
        findings.fault(at, message, Some(hint.to_owned()));
    }
}

/// An address that stands in the binding itself is judged here; where a name leads is judged at each connection.
fn check_egress(spec: &RestSpec, at: &Place, egress: &Egress, findings: &mut Findings<'_, '_>) {
    for (place, address) in spec.called() {
        let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if !host.parse::<IpAddr>().is_ok_and(|ip| !egress.permits(ip)) {
            continue;
        }
        findings.fault(
            &at.below(&place),
            format!("\"{place}\": {host} is not called: in production neither this machine nor link-local or metadata addresses are"),
            Some(format!("in sluice.toml: [egress] allow = [\"{host}\"]")),
        );
    }
}

fn resolve_files(spec: &mut RestSpec, at: &Place, findings: &mut Findings<'_, '_>) {
    let Some(tls) = &mut spec.tls else { return };
    for (key, file) in [("ca", &mut tls.ca), ("certificate", &mut tls.certificate), ("key", &mut tls.key)] {
        let Some(written) = file.as_deref() else { continue };
        let at = at.below(format_args!("tls.{key}"));
        let path = findings.resolve(&at, Path::new(written));
        let read = if key == "key" {
            read_bounded(&path).map(drop).map_err(|cause| format!("key file {} {cause}", path.display()))
        } else {
            material::certificates(&path).map(drop)
        };
        if let Err(cause) = read {
            findings.fault(&at, cause, None);
        }
        match path.to_str() {
            Some(text) => *file = Some(text.to_owned()),
            None => findings.fault(&at, "the path is not UTF-8", None),
        }
    }
}

fn resolve_secrets(spec: &mut RestSpec, at: &Place, findings: &mut Findings<'_, '_>) {
    for (place, purpose, secret) in spec.secrets_mut() {
        let at = at.below(&place);
        if secret.is_reference() {
            resolve_secret(&place, purpose, secret, &at, findings);
        } else if purpose != SecretUse::Header || is_secret_by_name(&place) {
            let message = format!("\"{place}\" carries a secret: write a reference to it");
            findings.fault(&at, message, Some(shape::REFERENCE.to_owned()));
        }
    }
}

fn is_secret_by_name(place: &str) -> bool {
    let name = place.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    SECRET_HEADERS.iter().any(|part| name.contains(part))
}

fn resolve_secret(
    place: &str,
    purpose: SecretUse,
    secret: &mut SecretText,
    at: &Place,
    findings: &mut Findings<'_, '_>,
) {
    let read = findings.reference(at, &secret.0).as_ref().map(SecretRef::read);
    let text = read.unwrap_or_else(|| Err(String::from("not a reference to a secret")));
    let text = text.and_then(|secret| {
        String::from_utf8(secret.expose().to_vec()).map_err(|_| String::from("the secret is not text"))
    });
    let (fits, rule): (fn(&str) -> bool, _) = match purpose {
        // A brace would be read as a template's placeholder.
        SecretUse::Header => {
            (|text| is_printable(text) && !text.contains(['{', '}']), "printable ASCII without braces")
        }
        SecretUse::Value => (is_printable, "printable ASCII"),
        SecretUse::Key => (|text| !text.is_empty() && !text.chars().any(char::is_control), "text"),
    };
    match text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()) {
        Ok(text) if fits(&text) => secret.0 = text,
        Ok(_) => findings.fault(at, format!("\"{place}\": the secret is not one line of {rule}"), None),
        Err(cause) => findings.fault(at, format!("\"{place}\": {cause}"), Some(shape::REFERENCE.to_owned())),
    }
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..0x7f).contains(&byte))
}
