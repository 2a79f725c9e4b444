//! Medians, paired ratios and the Markdown table, with every reason not to trust a row written beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::fsync::Disk;
use crate::load::Measured;
use crate::statistics::{Spread, TIE_BELOW, is_tie, paired_ratios};

/// Under this the proxy waited for the generator, and its cost per request says less.
const BUSY_PERCENT_MIN: f64 = 95.0;
/// Rounds whose cost differs by more than this factor were not run on the same machine, so to say.
const UNSTEADY_ABOVE: f64 = 1.3;

/// A row of the comparison: its id in the results, what is measured, what that proxy does and leaves out.
struct Row {
    id: &'static str,
    title: &'static str,
    work: &'static str,
}

const ROWS: [Row; 10] = [
    Row { id: "nginx-mtls", title: "nginx mTLS, 289 B", work: "TLS and proxying only" },
    Row {
        id: "nginx-log-limit",
        title: "nginx mTLS + log + limit, 289 B",
        work: "buffered access log, rate limit; no token, no rights",
    },
    Row { id: "haproxy-mtls", title: "HAProxy mTLS, 289 B", work: "TLS and proxying only" },
    Row {
        id: "sluice-call",
        title: "Sluice call, 289 B, ledger in memory",
        work: "verified identity, grant, quota, operation, record; the body passed on: beside proxying only",
    },
    Row {
        id: "haproxy-f5",
        title: "HAProxy f5, 289 B",
        work: "ES256 on every request, claims, rate, authorisation map, log (not durable)",
    },
    Row {
        id: "haproxy-f7",
        title: "HAProxy f7, 289 B",
        work: "ES256 cached, claims, rate, authorisation map, log (not durable); no projection",
    },
    Row {
        id: "sluice-query",
        title: "Sluice query, 289 B",
        work: "verified identity, share type, grant, quota, projection, durable provable record",
    },
    Row {
        id: "sluice-volatile",
        title: "Sluice query, 289 B, ledger in memory",
        work: "the same, its log where a sync costs nothing: a measuring device, not a way to run it",
    },
    Row { id: "haproxy-f7-10k", title: "HAProxy f7, 10 KB", work: "as f7; all 10 KB passed on" },
    Row { id: "sluice-query-10k", title: "Sluice query, 10 KB", work: "as above; projection keeps about 3 KB" },
];

/// A ratio that the project has promised something about.
struct Goal {
    name: &'static str,
    above: &'static str,
    below: &'static str,
    figure: fn(&Measured) -> Option<f64>,
}

const GOALS: [Goal; 6] = [
    Goal { name: "G1: Sluice call ÷ nginx mTLS", above: "sluice-call", below: "nginx-mtls", figure: cpu_us },
    Goal { name: "G1: Sluice call ÷ HAProxy mTLS", above: "sluice-call", below: "haproxy-mtls", figure: cpu_us },
    Goal { name: "G2 (289 B): Sluice query ÷ HAProxy f7", above: "sluice-query", below: "haproxy-f7", figure: cpu_us },
    Goal {
        name: "G2 (10 KB): Sluice query ÷ HAProxy f7",
        above: "sluice-query-10k",
        below: "haproxy-f7-10k",
        figure: cpu_us,
    },
    Goal {
        name: "G4 (CPU): durable ÷ ledger in memory",
        above: "sluice-query",
        below: "sluice-volatile",
        figure: cpu_us,
    },
    Goal {
        name: "G4 (requests/s): durable ÷ ledger in memory",
        above: "sluice-query",
        below: "sluice-volatile",
        figure: |result| Some(result.rps),
    },
];

fn cpu_us(result: &Measured) -> Option<f64> {
    result.cpu_us_per_request
}

/// KB (of 1,024 B) by which the long answer exceeds the short one.
const ANSWER_KB_MORE: f64 = (10_240.0 - 289.0) / 1_024.0;

/// What to report, and where.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Lines of JSON from `load`
    #[arg(long)]
    pub results: PathBuf,
    /// Line of JSON from `fsync`
    #[arg(long)]
    pub fsync: PathBuf,
    /// Fact about the machine or the run, `name=value`; repeatable
    #[arg(long = "fact")]
    pub facts: Vec<String>,
    /// Markdown file to write; the same text is printed
    #[arg(long)]
    pub out: PathBuf,
}

/// Writes and prints the report.
///
/// # Errors
/// If the results are missing or damaged, or the report cannot be written.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let text = fs::read_to_string(&options.results).with_context(|| format!("read {}", options.results.display()))?;
    let results = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Measured>, _>>()
        .with_context(|| format!("parse {}", options.results.display()))?;
    ensure!(!results.is_empty(), "{} holds no result", options.results.display());
    let disk = fs::read_to_string(&options.fsync).with_context(|| format!("read {}", options.fsync.display()))?;
    let disk: Disk = serde_json::from_str(&disk).with_context(|| format!("parse {}", options.fsync.display()))?;
    let report = markdown(&results, &disk, &facts(&options.facts))?;
    fs::write(&options.out, &report).with_context(|| format!("write {}", options.out.display()))?;
    print!("{report}");
    Ok(())
}

/// The machine's own facts, then those of the caller.
fn facts(given: &[String]) -> Vec<(String, String)> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut facts =
        vec![("CPU".to_owned(), format!("{model}, {cores} cores")), ("Kernel".to_owned(), kernel.trim().to_owned())];
    facts.extend(
        given
            .iter()
            .map(|fact| fact.split_once('=').unwrap_or((fact, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    facts
}

fn markdown(results: &[Measured], disk: &Disk, facts: &[(String, String)]) -> anyhow::Result<String> {
    let mut text = String::from("# Sluice beside HAProxy and nginx\n\n");
    for (name, value) in facts {
        writeln!(text, "- {name}: {value}")?;
    }
    writeln!(
        text,
        "- fdatasync of 4 KiB, zero-filled file: p50 {:.0} µs, p99 {:.0} µs ({} writes)",
        disk.p50_us, disk.p99_us, disk.writes
    )?;
    writeln!(text, "- TLS: {}\n", distinct(results.iter().map(|result| result.tls.as_str())))?;
    text.push_str("Medians over rounds; CPU is user and system time of all the proxy's processes per request, with its least and greatest round.\n\n");
    text.push_str("| row | CPU µs/request | requests/s | p50 µs | p99 µs | busy % | rounds | does | notes |\n|---|---|---|---|---|---|---|---|---|\n");
    for row in &ROWS {
        let of_row: Vec<&Measured> = results.iter().filter(|result| result.row == row.id).collect();
        if of_row.is_empty() {
            writeln!(text, "| {} | not measured | | | | | 0 | {} | |", row.title, row.work)?;
        } else {
            write_row(&mut text, row, &of_row)?;
        }
    }
    text.push_str(
        "\nRatios, of CPU µs per request where nothing else is said, paired by round, median (least–greatest). ",
    );
    writeln!(text, "A difference under {:.0} % is a tie.\n", TIE_BELOW * 100.0)?;
    for goal in &GOALS {
        writeln!(text, "- {}: {}", goal.name, ratio(results, goal))?;
    }
    writeln!(
        text,
        "- G6: projection of 10 KB, µs per KB beyond what HAProxy pays to pass it on: {}",
        projection(results)
    )?;
    for peer in
        ROWS.iter().filter(|row| row.id != "haproxy-f7" && !row.id.ends_with("-10k") && !row.id.starts_with("sluice"))
    {
        let goal = Goal { name: peer.title, above: peer.id, below: "haproxy-f7", figure: cpu_us };
        writeln!(text, "- {} ÷ HAProxy f7: {}", goal.name, ratio(results, &goal))?;
    }
    Ok(text)
}

fn write_row(text: &mut String, row: &Row, results: &[&Measured]) -> anyhow::Result<()> {
    let spread = |figure: fn(&Measured) -> f64| {
        Spread::of(&results.iter().map(|result| figure(result)).collect::<Vec<_>>()).context("a figure is not a number")
    };
    let cpu: Vec<f64> = results.iter().filter_map(|result| result.cpu_us_per_request).collect();
    let cpu = Spread::of(&cpu)
        .map_or_else(|| "?".to_owned(), |cpu| format!("{:.1} ({:.1}–{:.1})", cpu.median, cpu.min, cpu.max));
    let (rps, p50, p99) =
        (spread(|result| result.rps)?, spread(|result| result.p50_us)?, spread(|result| result.p99_us)?);
    let busy = spread(|result| result.proxy_busy_percent.unwrap_or(0.0))?;
    let row_line = format!(
        "{} | {cpu} | {:.0} | {:.0} | {:.0} | {:.0} | {}",
        row.title,
        rps.median,
        p50.median,
        p99.median,
        busy.median,
        results.len()
    );
    writeln!(text, "| {row_line} | {} | {} |", row.work, notes(results, busy.median)?)?;
    Ok(())
}

/// Why a row may not be worth its figure; empty if nothing is known against it.
fn notes(results: &[&Measured], busy_percent: f64) -> anyhow::Result<String> {
    let median = |figure: fn(&Measured) -> f64| {
        Spread::of(&results.iter().map(|result| figure(result)).collect::<Vec<_>>()).map_or(0.0, |spread| spread.median)
    };
    let mut notes = Vec::new();
    if busy_percent < BUSY_PERCENT_MIN {
        let others = (median(|result| result.proxy_core_busy_percent) - busy_percent).max(0.0);
        let own = median(|result| result.own_core_busy_percent);
        notes.push(format!("proxy core under {BUSY_PERCENT_MIN:.0} % busy (others took {others:.0} % of it; generator's core {own:.0} %)"));
    }
    let stolen = median(|result| result.proxy_core_stolen_percent);
    if stolen >= 1.0 {
        notes.push(format!("hypervisor took {stolen:.0} %"));
    }
    let cpu: Vec<f64> = results.iter().filter_map(|result| result.cpu_us_per_request).collect();
    if let Some(cpu) = Spread::of(&cpu).filter(|cpu| cpu.max > cpu.min * UNSTEADY_ABOVE) {
        notes.push(format!("unsteady: costliest round {:.1} times the cheapest", cpu.max / cpu.min));
    }
    let errors: u64 = results.iter().map(|result| result.errors).sum();
    if errors > 0 {
        let first = results.iter().find_map(|result| result.first_error.as_deref()).unwrap_or("unknown");
        // A table cell: no column mark and no line break inside.
        let first: String = first
            .chars()
            .take(120)
            .map(|letter| if letter == '|' || letter.is_control() { ' ' } else { letter })
            .collect();
        let mut note = String::new();
        write!(note, "**{errors} errors**, first: {first}")?;
        notes.push(note);
    }
    Ok(notes.join("; "))
}

/// The figures of one row by round.
fn by_round(results: &[Measured], row: &str, figure: fn(&Measured) -> Option<f64>) -> Vec<(u32, f64)> {
    results
        .iter()
        .filter(|result| result.row == row)
        .filter_map(|result| Some((result.round, figure(result)?)))
        .collect()
}

fn ratio(results: &[Measured], goal: &Goal) -> String {
    let of_row = |row: &str| by_round(results, row, goal.figure);
    let ratios = paired_ratios(&of_row(goal.above), &of_row(goal.below));
    Spread::of(&ratios).map_or_else(
        || "not measured".to_owned(),
        |spread| {
            let verdict = if is_tie(spread.median) { ", a tie" } else { "" };
            format!("{:.2} ({:.2}–{:.2}){verdict}", spread.median, spread.min, spread.max)
        },
    )
}

/// What reading, checking and cutting an answer costs: how much more the long answer costs Sluice than the short one,
/// less what the peer pays for moving as many bytes, round by round.
fn projection(results: &[Measured]) -> String {
    let cost = |row: &str, round: u32| {
        by_round(results, row, cpu_us).into_iter().find(|(of, _)| *of == round).map(|(_, figure)| figure)
    };
    let per_kb = |round: u32| {
        let ours = cost("sluice-query-10k", round)? - cost("sluice-query", round)?;
        let peers = cost("haproxy-f7-10k", round)? - cost("haproxy-f7", round)?;
        Some((ours - peers) / ANSWER_KB_MORE)
    };
    let rounds = by_round(results, "sluice-query-10k", cpu_us);
    let figures: Vec<f64> = rounds.iter().filter_map(|(round, _)| per_kb(*round)).collect();
    Spread::of(&figures).map_or_else(
        || "not measured".to_owned(),
        |spread| format!("{:.2} ({:.2}–{:.2})", spread.median, spread.min, spread.max),
    )
}

fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = values.collect();
    seen.sort_unstable();
    seen.dedup();
    seen.join(", ")
}

#[cfg(test)]
mod tests;
