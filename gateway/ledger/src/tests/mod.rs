//! The crate's tests: they need the formats from inside, to damage files with and without repaired checksums.

mod crash;
mod durability;
mod keys;
mod oracle;
mod record;
mod sim_disk;
mod support;
mod tamper;
mod witness;
