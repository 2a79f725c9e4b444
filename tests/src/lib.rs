//! The harness of the black-box tests: the real binary as a process, reached as a department reaches
//! it. It knows the published interface and the files that the demo lays out, nothing of the code.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness fails a test by panicking where it stands"
)]

pub mod asking;
pub mod authority;
pub mod binary;
pub mod churn;
pub mod city;
pub mod client;
pub mod clock;
pub mod corpus;
pub mod crash;
pub mod crowd;
pub mod demo;
pub mod docked;
pub mod exchange;
pub mod frames;
pub mod http2;
pub mod identifiers;
pub mod issuer;
pub mod ledger;
pub mod load;
pub mod outsiders;
pub mod passing;
pub mod process;
pub mod provider;
pub mod rights;
pub mod rights_table;
pub mod seed;
pub mod site;
pub mod surge;
pub mod tampering;
pub mod transparency;
pub mod witness;
