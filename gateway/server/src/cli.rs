//! The command line. Only what works stands in it.

mod catalog;
mod ledger;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use sluice_certs::{CertificateRef, Reason};

pub(crate) use catalog::{
    Catalog, CatalogApply, CatalogCheck, CatalogDiff, CatalogExport, CatalogImportOpenapi, Format,
};
pub(crate) use ledger::*;

/// Lowest port of the demo when none is named.
const BASE_PORT: u16 = 8443;
/// The ops listener takes the port two above.
const BASE_PORT_MAX: i64 = 65_533;

const FIXTURES_HELP: &str =
    "Folder with sample_catalog.json, demo_grants.json and demo_records.json instead of the built-in ones";
const REASON_HELP: &str = "Why it is revoked: unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation or privilege_withdrawn";

/// Sluice (数闸): the gateway through which departments of a city share data.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole exchange on this machine: sample city, throw-away PKI, stand-ins for the departmental systems
    Demo(Demo),
    /// Run the gateway
    Serve(Serve),
    /// Check a configuration without running it: exit 0 if it is valid, 78 if not
    Check(Check),
    /// Declare parties, systems, resources, bindings and grants: check, compare, apply, export
    #[command(subcommand)]
    Catalog(Catalog),
    /// Let a running gateway read its files again: exit 0 once they are in force, else the reason and 1 or 78
    Reload(Reload),
    /// Verify and read an access ledger, offline or while it is being written
    #[command(subcommand)]
    Ledger(Box<Ledger>),
    /// Run a certificate authority for a site that has none
    #[command(subcommand)]
    Certs(Certs),
    /// Make keys for the tags under which people stand in the ledger
    #[command(subcommand)]
    Subjects(Subjects),
    /// Be a witness of other nodes' ledgers: remember how far they have come, cosign what continues it
    Witness(Witness),
    /// Be a departmental system of the demo (started by it)
    #[command(hide = true)]
    StandIn,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder of the demo's files; made if it does not exist
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    pub(crate) dir: PathBuf,
    /// Port of the data listener; the ops listener takes the one two above
    #[arg(long, value_name = "BASE", default_value_t = BASE_PORT, value_parser = clap::value_parser!(u16).range(1..=BASE_PORT_MAX))]
    pub(crate) port: u16,
    /// Folder with other fixtures than the built-in ones
    #[arg(long, value_name = "DIR", long_help = FIXTURES_HELP)]
    pub(crate) fixtures: Option<PathBuf>,
    /// Start over: remove what an earlier demo made in the folder
    #[arg(long)]
    pub(crate) fresh: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration, sluice.toml
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration, sluice.toml
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// The configuration that the gateway runs with, sluice.toml
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerKeys {
    /// Make a root key: root.key to be kept offline, root.vkey for the gateway and for verifiers
    Root(WitnessKeygen),
    /// Begin the list of the ledger's keys with the one it has
    Init(LedgerKeysInit),
    /// Give the ledger a new key from its next record on
    Rotate(LedgerKeysRotate),
    /// Take a key back: checkpoints of it that end after an index hold no longer
    Revoke(LedgerKeysRevoke),
}

#[derive(Debug, Args)]
pub(crate) struct LedgerKeysInit {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    /// Private key of the root
    #[arg(long, value_name = "FILE")]
    pub(crate) root: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerKeysRotate {
    #[command(flatten)]
    pub(crate) ledger: LedgerKeysInit,
    /// Why; stands in the record
    #[arg(long, default_value = "scheduled")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerKeysRevoke {
    #[command(flatten)]
    pub(crate) ledger: LedgerKeysInit,
    /// The key, as `sluice ledger keys` lists it
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: String,
    /// Last index that its checkpoints may end with
    #[arg(long, value_name = "N")]
    pub(crate) after: u64,
    /// Why; stands in the record
    #[arg(long, default_value = "compromised")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Witness {
    #[command(subcommand)]
    pub(crate) command: Option<WitnessCommand>,
    /// The configuration of the witness
    #[arg(long, short, value_name = "FILE", required = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make the key of a witness: witness.key to be kept secret, witness.vkey for the nodes it watches
    Keygen(WitnessKeygen),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Subjects {
    /// Make the keys of some months, a file each, for the folder that `[subjects]` names
    Keygen(SubjectsKeygen),
    /// Print the digest that the record of a request carries; its body is read from standard input
    RequestDigest(SubjectsRequestDigest),
}

#[derive(Debug, Args)]
pub(crate) struct SubjectsRequestDigest {
    /// Key of the tags, as `[subjects] key` names it
    #[arg(long, value_name = "FILE", required_unless_present = "keys_dir")]
    pub(crate) key_file: Option<PathBuf>,
    /// Folder with a key for each month, as `[subjects] keys_dir` names it
    #[arg(long, value_name = "DIR", conflicts_with = "key_file")]
    pub(crate) keys_dir: Option<PathBuf>,
    /// Month of the request in Asia/Shanghai, such as 2026-11
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) epoch: String,
}

#[derive(Debug, Args)]
pub(crate) struct SubjectsKeygen {
    /// First month, such as 2026-11
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) epoch: String,
    /// So many months
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=120))]
    pub(crate) count: u16,
    /// Folder for the files; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct WitnessKeygen {
    /// Name that signatures carry, such as witness.audit.example.gov.cn
    #[arg(long)]
    pub(crate) name: String,
    /// Folder for the two files; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Certs {
    /// Make a certificate authority
    Init(CertsInit),
    /// Issue a certificate for a departmental system or for a listener
    Issue(CertsIssue),
    /// Issue the successor of a certificate; the old one stays valid
    Renew(CertsRenew),
    /// Revoke a certificate and publish the list of revoked ones
    Revoke(CertsRevoke),
    /// Publish the list of revoked certificates anew
    Crl(CertsCrl),
    /// List what has been issued
    List(CertsList),
}

#[derive(Debug, Args)]
pub(crate) struct AuthorityDir {
    /// Folder of the certificate authority
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CertsInit {
    #[command(flatten)]
    pub(crate) authority: AuthorityDir,
    /// Name of the authority
    #[arg(long)]
    pub(crate) name: String,
    /// Days for which it is valid
    #[arg(long)]
    pub(crate) days: Option<u32>,
    /// Days for which each list of revoked certificates holds
    #[arg(long)]
    pub(crate) crl_days: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct CertsIssue {
    #[command(flatten)]
    pub(crate) authority: AuthorityDir,
    /// For this departmental system, by its registered id
    #[arg(long, value_name = "ID", required_unless_present = "server")]
    pub(crate) system: Option<String>,
    /// Signing request of the system, if it made its own key
    #[arg(long, value_name = "FILE", requires = "system")]
    pub(crate) csr: Option<PathBuf>,
    /// For a listener with these DNS names and addresses
    #[arg(long, value_name = "NAME", num_args = 1.., conflicts_with = "system")]
    pub(crate) server: Vec<String>,
    /// Days for which it is valid
    #[arg(long)]
    pub(crate) days: Option<u32>,
    /// Folder for cert.pem and key.pem; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CertsRenew {
    #[command(flatten)]
    pub(crate) authority: AuthorityDir,
    /// Serial number or SHA-256 fingerprint of the certificate
    #[arg(long, value_name = "HEX")]
    pub(crate) certificate: CertificateRef,
    /// New signing request of the system, if it makes its own keys
    #[arg(long, value_name = "FILE")]
    pub(crate) csr: Option<PathBuf>,
    /// Days for which it is valid
    #[arg(long)]
    pub(crate) days: Option<u32>,
    /// Folder for cert.pem and key.pem; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CertsRevoke {
    #[command(flatten)]
    pub(crate) authority: AuthorityDir,
    /// Serial number or SHA-256 fingerprint of the certificate
    #[arg(long, value_name = "HEX")]
    pub(crate) certificate: CertificateRef,
    /// Why it is revoked
    #[arg(long, default_value = "unspecified", long_help = REASON_HELP)]
    pub(crate) reason: Reason,
}

#[derive(Debug, Args)]
pub(crate) struct CertsCrl {
    #[command(flatten)]
    pub(crate) authority: AuthorityDir,
    /// From now on, days for which each list holds
    #[arg(long)]
    pub(crate) days: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct CertsList {
    #[command(flatten)]
    pub(crate) authority: AuthorityDir,
    /// Only those that are not revoked and end within so many days
    #[arg(long, value_name = "DAYS")]
    pub(crate) ending_within: Option<u32>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_refused() {
        let rows: [&[&str]; 8] = [
            &["demo", "--port", "65534"],
            &["demo", "--port", "0"],
            &["serve"],
            &["witness"],
            &["witness", "keygen", "--name", "w"],
            &["certs", "issue", "--dir", "ca", "--out", "o"],
            &["certs", "issue", "--dir", "ca", "--out", "o", "--system", "a.b", "--server", "x"],
            &["certs", "revoke", "--dir", "ca", "--certificate", "zz"],
        ];
        for row in rows {
            assert!(Cli::try_parse_from(["sluice"].iter().chain(row)).is_err(), "{row:?}");
        }
    }
}
