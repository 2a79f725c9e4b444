//! What a node of real departments and citizens does not put up with in its settings.

use std::path::Path;

use crate::document::Document;
use crate::fault::Fault;
use crate::material;
use crate::settings::Data;

/// Name of the authority that `sluice demo` makes. Its key lies beside what it signed, for anyone to
/// sign with.
const DEMO_AUTHORITY: &str = "Sluice 数闸 demo CA";

pub(crate) fn check(data: Option<&Data>, document: &Document<'_>, faults: &mut Vec<Fault>) {
    let Some(data) = data else { return };
    let files: [(&str, &Path); 2] = [("certificate", &data.certificate), ("client_ca", &data.client_ca)];
    for (key, file) in files {
        if material::is_signed_by(DEMO_AUTHORITY, file) {
            let message = format!("\"{key}\": a certificate of the demo's authority in production");
            let hint = "make an authority of your own: sluice certs init";
            faults.push(document.fault(&format!("data.{key}"), message, Some(hint.to_owned())));
        }
    }
}
