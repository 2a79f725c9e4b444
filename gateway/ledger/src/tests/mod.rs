//! The crate's tests: they need the formats from inside, to damage files with and without repaired checksums.

mod attackers;
mod build;
mod crash;
mod durability;
mod fuzz;
mod golden;
mod keys;
mod oracle;
mod outsiders;
mod record;
mod retention;
mod roomless;
mod search;
mod sim_disk;
mod support;
mod tamper;
mod witness;
