//! CPU time by the kernel's own accounts: `/proc/<pid>/stat` and `/proc/stat` (proc(5)).

use std::collections::HashSet;
use std::fs;

use anyhow::{Context, bail};

/// Kernel ticks of `/proc` per second: `USER_HZ`, 100 on every Linux that Sluice runs on.
const TICKS_PER_SECOND: u64 = 100;
const US_PER_TICK: u64 = 1_000_000 / TICKS_PER_SECOND;

/// One process as `/proc/<pid>/stat` tells it. Times are ticks and hold all threads, ended ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    own_ticks: u64,
    /// Of children that have ended and were waited for.
    ended_children_ticks: u64,
}

/// Ticks of one core since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CoreTicks {
    busy: u64,
    stolen: u64,
    total: u64,
}

impl CoreTicks {
    /// Share of the time since `earlier` in which the core worked, and in which the hypervisor kept it, in percent.
    pub fn since(self, earlier: Self) -> (f64, f64) {
        let total = self.total.saturating_sub(earlier.total).max(1);
        let percent = |now: u64, then: u64| {
            crate::statistics::float(now.saturating_sub(then) * 100) / crate::statistics::float(total)
        };
        (percent(self.busy, earlier.busy), percent(self.stolen, earlier.stolen))
    }
}

/// CPU microseconds used so far by the processes `roots` with all their threads and descendants, user and system.
///
/// # Errors
/// If one of `roots` is not running (a proxy that died must not look cheap) or `/proc` cannot be read.
pub fn tree_cpu_us(roots: &[u32]) -> anyhow::Result<u64> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let path = entry.context("read /proc")?.path();
        let is_process =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<u32>().is_ok());
        // A process may end between the listing and the read: it is then in its parent's account.
        if is_process && let Ok(text) = fs::read_to_string(path.join("stat")) {
            processes.extend(parse_process(&text));
        }
    }
    Ok(tree_ticks(&processes, roots)? * US_PER_TICK)
}

/// The account of core `core`.
///
/// # Errors
/// If the machine has no such core or `/proc/stat` cannot be read.
pub fn core_ticks(core: u32) -> anyhow::Result<CoreTicks> {
    let text = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    parse_core(&text, core).with_context(|| format!("core {core} is not in /proc/stat"))
}

fn tree_ticks(processes: &[Process], roots: &[u32]) -> anyhow::Result<u64> {
    if let Some(missing) = roots.iter().find(|root| !processes.iter().any(|process| process.pid == **root)) {
        bail!("process {missing} is not running");
    }
    let mut members: HashSet<u32> = roots.iter().copied().collect();
    loop {
        let known = members.len();
        members.extend(
            processes
                .iter()
                .filter(|process| members.contains(&process.parent))
                .map(|process| process.pid)
                .collect::<Vec<_>>(),
        );
        if members.len() == known {
            break;
        }
    }
    let in_tree = processes.iter().filter(|process| members.contains(&process.pid));
    Ok(in_tree.map(|process| process.own_ticks + process.ended_children_ticks).sum())
}

fn parse_process(text: &str) -> Option<Process> {
    // The name in parentheses may itself hold spaces and parentheses: the last one closes it.
    let (before, after) = text.rsplit_once(')')?;
    let pid = before.split_once(" (")?.0.parse().ok()?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    // proc(5) numbers the fields from 1; the state, number 3, is the first after the name.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: u32::try_from(number(4)?).ok()?,
        own_ticks: number(14)? + number(15)?,
        ended_children_ticks: number(16)? + number(17)?,
    })
}

fn parse_core(text: &str, core: u32) -> Option<CoreTicks> {
    let name = format!("cpu{core}");
    let line = text.lines().find(|line| line.split_ascii_whitespace().next() == Some(name.as_str()))?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is already in user.
    let &[user, nice, system, idle, iowait, irq, softirq, stolen, ..] = ticks.as_slice() else {
        return None;
    };
    let busy = user + nice + system + irq + softirq;
    Some(CoreTicks { busy, stolen, total: busy + idle + iowait + stolen })
}

#[cfg(test)]
mod tests {
    use super::{CoreTicks, Process, core_ticks, parse_core, parse_process, tree_cpu_us, tree_ticks};

    #[test]
    fn a_stat_line_gives_times_whatever_the_name() {
        let tail = "S 7 1 1 0 -1 4194560 1 2 3 4 110 22 5 6 20 0 3 0 99 1000 10 18446744073709551615";
        let check = |name: &str| {
            let expected = Process { pid: 42, parent: 7, own_ticks: 132, ended_children_ticks: 11 };
            assert_eq!(parse_process(&format!("42 ({name}) {tail}\n")), Some(expected), "{name}");
        };
        check("haproxy");
        check("a b");
        check("x) S 1 (y");
        check(")");
        check("");
    }

    #[test]
    fn a_damaged_stat_line_is_no_process() {
        for text in [
            "",
            "42",
            "42 (x)",
            "42 (x) S 7 1 1",
            "x (y) S 7 1 1 0 -1 0 1 2 3 4 1 2 3 4",
            "42 (x) S y 1 1 0 -1 0 1 2 3 4 1 2 3 4",
        ] {
            assert_eq!(parse_process(text), None, "{text}");
        }
    }

    #[test]
    fn a_tree_holds_descendants_and_nobody_else() {
        let process = |pid, parent, own_ticks| Process { pid, parent, own_ticks, ended_children_ticks: 0 };
        let processes =
            [process(30, 20, 4), process(1, 0, 1_000), process(10, 1, 1), process(20, 10, 2), process(11, 1, 500)];
        let check = |roots: &[u32], expected: u64| {
            assert_eq!(tree_ticks(&processes, roots).unwrap(), expected, "{roots:?}");
        };
        check(&[10], 7);
        check(&[20], 6);
        check(&[10, 30], 7);
        check(&[10, 11], 507);
        check(&[], 0);
        assert!(tree_ticks(&processes, &[10, 99]).unwrap_err().to_string().contains("99"));
    }

    #[test]
    fn core_shares_are_of_the_time_between() {
        let text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 0 50 800 40 5 5 10 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\nintr 5\n";
        let later = parse_core("cpu0 160 0 70 810 40 5 15 20 0 0", 0).unwrap();
        let first = parse_core(text, 0).unwrap();
        assert_eq!(first, CoreTicks { busy: 160, stolen: 10, total: 1_010 });
        let (busy, stolen) = later.since(first);
        assert!((busy - 81.818).abs() < 0.001 && (stolen - 9.091).abs() < 0.001, "{busy} {stolen}");
        assert_eq!(parse_core(text, 2), None);
        assert_eq!(parse_core("cpu0 1 2 3", 0), None);
    }

    #[test]
    fn the_running_machine_can_be_read() {
        assert!(core_ticks(0).unwrap().total > 0);
        tree_cpu_us(&[std::process::id()]).unwrap();
        assert!(tree_cpu_us(&[u32::MAX]).is_err(), "a process that is gone is an error, not zero");
    }
}
