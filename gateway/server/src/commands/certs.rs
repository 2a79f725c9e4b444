//! `sluice certs`: the command line's side of the crate that knows certificates.

use std::process::ExitCode;

use sluice_certs::{Entry, commands as ca};

use crate::cli::{AuthorityDir, Certs, CertsIssue};
use crate::failure::Outcome;
use crate::{clock, output};

pub(crate) fn run(command: Certs) -> Outcome {
    let now = clock::now_unix_s();
    match command {
        Certs::Init(given) => {
            let AuthorityDir { dir, json } = given.authority;
            let args = ca::InitArgs { dir, name: given.name, days: given.days, crl_days: given.crl_days };
            let done = ca::init(&args, now)?;
            output::put(json, &done, || {
                format!(
                    "CA certificate {}\nSHA-256        {}\nvalid until    {}\nrevocations    {}",
                    done.certificate.display(),
                    done.fingerprint,
                    clock::shanghai(done.not_after),
                    done.crl.display()
                )
            })?;
        }
        Certs::Issue(given) => {
            let json = given.authority.json;
            issued(json, &ca::issue(&issue_args(given), now)?)?;
        }
        Certs::Renew(given) => {
            let AuthorityDir { dir, json } = given.authority;
            let args =
                ca::RenewArgs { dir, certificate: given.certificate, csr: given.csr, days: given.days, out: given.out };
            issued(json, &ca::renew(&args, now)?)?;
        }
        Certs::Revoke(given) => {
            let AuthorityDir { dir, json } = given.authority;
            let args = ca::RevokeArgs { dir, certificate: given.certificate, reason: given.reason };
            let done = ca::revoke(&args, now)?;
            output::put(json, &done, || {
                format!("revoked {} ({})\n{}", done.entry.serial, done.entry.subject, published(&done.crl))
            })?;
        }
        Certs::Crl(given) => {
            let AuthorityDir { dir, json } = given.authority;
            let done = ca::crl(&ca::CrlArgs { dir, days: given.days }, now)?;
            output::put(json, &done, || published(&done))?;
        }
        Certs::List(given) => {
            let AuthorityDir { dir, json } = given.authority;
            let listing = ca::list(&ca::ListArgs { dir, ending_within_days: given.ending_within }, now)?;
            output::put(json, &listing, || listing.certificates.iter().map(row).collect::<Vec<_>>().join("\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn issue_args(given: CertsIssue) -> ca::IssueArgs {
    let subject = match given.system {
        Some(id) => ca::Subject::System { id, csr: given.csr },
        None => ca::Subject::Server { names: given.server },
    };
    ca::IssueArgs { dir: given.authority.dir, subject, days: given.days, out: given.out }
}

fn issued(json: bool, done: &ca::IssueDone) -> std::io::Result<()> {
    output::put(json, done, || {
        let key = done.key.as_ref().map(|key| format!("\nkey         {}", key.display())).unwrap_or_default();
        format!(
            "{} ({})\nSHA-256     {}\nvalid until {}\ncertificate {}{key}",
            done.entry.serial,
            done.entry.subject,
            done.entry.fingerprint,
            clock::shanghai(done.entry.not_after),
            done.certificate.display()
        )
    })
}

fn published(crl: &ca::CrlDone) -> String {
    format!("CRL {} in {}, next due {}", crl.number, crl.file.display(), clock::shanghai(crl.next_update))
}

fn row(entry: &Entry) -> String {
    let state = entry.revocation.map_or_else(
        || format!("until   {}", clock::shanghai(entry.not_after)),
        |revocation| format!("revoked {}", clock::shanghai(revocation.at)),
    );
    format!("{}  {state}  {}", entry.serial, entry.subject)
}
