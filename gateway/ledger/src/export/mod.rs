//! The log in other people's formats: C2SP tlog-tiles as a folder of files, and OCSF events.

mod ocsf;
mod tiles;

pub use ocsf::{OCSF_VERSION, ocsf_event};
pub use tiles::{Exported, export_tiles};
