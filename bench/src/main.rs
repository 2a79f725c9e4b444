//! `sluice-bench`: the pieces that `bench/compare` puts together.

use std::io::Write;

use clap::{Parser, Subcommand};
use serde::Serialize;
use sluice_bench::{fsync, load, pki, report, tokens, upstream};

#[derive(Parser)]
#[command(name = "sluice-bench", about = "Load generator, static upstream, keys and report of bench/compare")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Drive a gateway over mTLS and check every answer; prints one line of JSON
    Load(Box<load::Options>),
    /// Serve static record sets on 127.0.0.1
    Upstream(upstream::Options),
    /// Make a certificate authority, certificates and the token key
    Pki(pki::Options),
    /// Mint distinct ES256 tokens, one per line
    Tokens(tokens::Options),
    /// Measure fdatasync of 4 KiB in a zero-filled file; prints one line of JSON
    Fsync(fsync::Options),
    /// Turn the lines of `load` into medians, ratios and Markdown
    Report(report::Options),
}

fn main() -> anyhow::Result<()> {
    match CommandLine::parse().command {
        Command::Load(options) => print_json(&load::run(&options)?),
        Command::Upstream(options) => upstream::run(&options),
        Command::Pki(options) => pki::run(&options),
        Command::Tokens(options) => tokens::run(&options),
        Command::Fsync(options) => print_json(&fsync::run(&options)?),
        Command::Report(options) => report::run(&options),
    }
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}
