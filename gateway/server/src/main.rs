//! The binary `sluice`: reads configuration, builds the exchange, runs it, drains it. How a request
//! is decided and answered stands in the crates below.

mod assembly;
mod cli;
mod clock;
mod commands;
mod demo;
mod descriptors;
mod failure;
mod hex;
mod key_files;
mod key_service;
mod line;
mod logs;
mod ops;
mod output;
mod pid_file;
mod plain_http;
mod process_metrics;
mod reload;
mod reload_status;
mod running;
mod service;
mod signals;
mod stand_in;
mod tag_keys;
mod terminal;
mod witness_line;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;
use failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Fails only if a provider stands already, and nothing ran before this line.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    commands::run(Cli::parse().command).unwrap_or_else(Failure::report)
}
