//! Options of `sluice ledger`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::LedgerKeys;

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Check every record, hash and signature: exit 0 only if everything holds, else 10–63 by kind of fault
    Verify(LedgerVerify),
    /// Show records, all or those that are looked for
    Show(Box<LedgerShow>),
    /// Write a proof of one record that others can check without the ledger (C2SP tlog-proof)
    Prove(LedgerProve),
    /// Check a proof with the log's public key: exit 0 only if it holds
    VerifyProof(LedgerVerifyProof),
    /// Write the log for other people's tools
    Export(LedgerExport),
    /// Show who looked at a person; the identity is read from standard input, and the search is recorded
    SearchSubject(LedgerSearchSubject),
    /// Make a key pair for somebody who approves that records are deleted
    ApproverKey(LedgerApproverKey),
    /// Approve that records are deleted whose time is over
    Approve(LedgerApprove),
    /// Delete records whose time is over, as two approvers have signed; stop the gateway first
    Retain(LedgerRetain),
    /// Change the ledger's keys, vouched for by a root key that never touches the gateway; the gateway stands still
    #[command(subcommand)]
    Keys(LedgerKeys),
}

/// Who must have signed and cosigned, as got from elsewhere.
#[derive(Debug, Args)]
pub(crate) struct Trusted {
    /// Public key that the checkpoint must be signed with; without it the ledger's own is used and reported as unpinned
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Public key of the root that vouches for the ledger's keys, instead of --key
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) root_key: Option<PathBuf>,
    /// C2SP tlog-policy: its quorum must have cosigned, and one of its logs must have signed where no key is given
    #[arg(long, value_name = "FILE", conflicts_with = "witness_key")]
    pub(crate) policy: Option<PathBuf>,
    /// Public key of a witness, as text or file; checkpoints must be cosigned by a quorum of those given
    #[arg(long, value_name = "VKEY")]
    pub(crate) witness_key: Vec<String>,
    /// So many of the witnesses must have cosigned; all of them without it
    #[arg(long, value_name = "N", requires = "witness_key")]
    pub(crate) quorum: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerVerify {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    /// A checkpoint of this log that was kept elsewhere: the ledger must contain it
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Public key of somebody who may approve that records are deleted; without one approvals are not checked
    #[arg(long, value_name = "FILE")]
    pub(crate) approver_key: Vec<PathBuf>,
    /// Threads to work on; as many as cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decided {
    Permit,
    Deny,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerShow {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    /// One record, by its index
    #[arg(long, value_name = "N", conflicts_with_all = ["last", "limit", "follow"])]
    pub(crate) index: Option<u64>,
    /// The newest records, this many; 20 without any option
    #[arg(long, value_name = "COUNT", conflicts_with = "limit")]
    pub(crate) last: Option<usize>,
    /// The oldest records, this many
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Go on with records to come, until interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    /// Read every record instead of passing over segments on the word of their search files
    #[arg(long)]
    pub(crate) no_index: bool,
    /// Answer in JSON, one document a line; the last line says what was covered, if records were looked for
    #[arg(long)]
    pub(crate) json: bool,
}

/// Conditions on records; all must hold.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(crate) struct Wanted {
    /// Not before: a date in Shanghai, or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Kind of record, such as ACCESS or QUERY
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Calling party
    #[arg(long)]
    pub(crate) party: Option<String>,
    /// Calling system
    #[arg(long)]
    pub(crate) system: Option<String>,
    /// Handler 经手人
    #[arg(long)]
    pub(crate) handler: Option<String>,
    /// Providing party
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Resource code
    #[arg(long)]
    pub(crate) resource: Option<String>,
    /// Permitted or refused
    #[arg(long)]
    pub(crate) decision: Option<Decided>,
    /// Code of a refusal
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Purpose code
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// The law that grant or resource rests on, as records show it
    #[arg(long, value_name = "TEXT")]
    pub(crate) legal_basis: Option<String>,
    /// Digest of a request's body, in hexadecimal as `sluice subjects request-digest` prints it
    #[arg(long, value_name = "HEX")]
    pub(crate) request_digest: Option<String>,
    /// Tag of a case number, in hexadecimal as records show it
    #[arg(long, value_name = "HEX")]
    pub(crate) matter_tag: Vec<String>,
    /// Request id, as in `Exchange-Request-Id`; shows the outcome as well
    #[arg(long, value_name = "UUID")]
    pub(crate) request_id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerProve {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    /// The record
    #[arg(long, value_name = "N")]
    pub(crate) index: u64,
    /// Where to write the proof; standard output without it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerVerifyProof {
    /// The proof, as `prove` writes it
    #[arg(value_name = "FILE")]
    pub(crate) proof: PathBuf,
    /// Public key of the log, got from elsewhere
    #[arg(long, value_name = "FILE", required_unless_present = "policy")]
    pub(crate) key: Option<PathBuf>,
    /// C2SP tlog-policy: its quorum must have cosigned, and one of its logs must have signed where no key is given
    #[arg(long, value_name = "FILE", conflicts_with = "witness_key")]
    pub(crate) policy: Option<PathBuf>,
    /// Public key of a witness, as text or file; the checkpoint must be cosigned by a quorum of those given
    #[arg(long, value_name = "VKEY")]
    pub(crate) witness_key: Vec<String>,
    /// So many of the witnesses must have cosigned; all of them without it
    #[arg(long, value_name = "N", requires = "witness_key")]
    pub(crate) quorum: Option<usize>,
    /// Leaf hash of the receipt: needed if the record was deleted since, else compared
    #[arg(long, value_name = "BASE64")]
    pub(crate) leaf: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// C2SP tlog-tiles: a folder that any web server can serve
    TlogTiles,
    /// OCSF events of class 6003, one JSON document a line
    Ocsf,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerExport {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    /// Format
    #[arg(long)]
    pub(crate) format: ExportFormat,
    /// Folder for tlog-tiles, file for ocsf (appended to); ocsf without it goes to standard output
    #[arg(long, required_if_eq("format", "tlog-tiles"))]
    pub(crate) out: Option<PathBuf>,
    /// Public key that the checkpoint must be signed with
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Events of records after this index
    #[arg(long, value_name = "INDEX", conflicts_with = "cursor")]
    pub(crate) after: Option<u64>,
    /// File that remembers the last record exported: the next run goes on behind it
    #[arg(long, value_name = "FILE")]
    pub(crate) cursor: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum IdType {
    CitizenId,
    Phone,
    Account,
    Certificate,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerSearchSubject {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    /// Key of the tags, as `[subjects] key` names it
    #[arg(long, value_name = "FILE", required_unless_present = "keys_dir")]
    pub(crate) key_file: Option<PathBuf>,
    /// Folder with a key for each month, as `[subjects] keys_dir` names it
    #[arg(long, value_name = "DIR", conflicts_with = "key_file")]
    pub(crate) keys_dir: Option<PathBuf>,
    /// What the line on standard input is
    #[arg(long, default_value = "citizen_id")]
    pub(crate) id_type: IdType,
    /// Who searches: recorded
    #[arg(long)]
    pub(crate) searcher: String,
    /// Why: recorded; never write an identity into it
    #[arg(long)]
    pub(crate) reason: String,
    /// Number of the case or order: recorded
    #[arg(long)]
    pub(crate) case: String,
    /// Not before: a date in Shanghai, or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Read every record instead of passing over segments on the word of their search files
    #[arg(long)]
    pub(crate) no_index: bool,
    /// Answer in JSON, one document a line; the last line says what was covered
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerApproverKey {
    /// Name of the approver: no white space, no `+`
    #[arg(long)]
    pub(crate) name: String,
    /// Folder for approver.key (secret) and approver.vkey; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerApprove {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    /// Records committed before: a date in Shanghai, or an RFC 3339 time
    #[arg(long, value_name = "TIME", required_unless_present = "before_index")]
    pub(crate) before: Option<String>,
    /// Records before this index
    #[arg(long, value_name = "N", conflicts_with = "before")]
    pub(crate) before_index: Option<u64>,
    /// The rule and decision by which their time is over
    #[arg(long)]
    pub(crate) basis: String,
    /// Secret key of the approver
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Where to write the signed order
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerRetain {
    /// Folder of the ledger
    #[arg(long, value_name = "LEDGER")]
    pub(crate) dir: PathBuf,
    /// Signed order of an approver, as `approve` writes it; give two
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) approval: Vec<PathBuf>,
    /// Public key of an approver; give all who may approve
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) approver_key: Vec<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}
