//! The metrics that every process has, under the names that Prometheus clients give them.

use std::fmt::Write as _;
use std::fs;

/// Clock ticks a second in `/proc/<pid>/stat`: `USER_HZ`, 100 on every Linux architecture we build for.
const TICKS_PER_S: f64 = 100.0;

/// Appends the process's metrics in the text format 0.0.4; leaves out what the system does not tell.
pub(crate) fn append(out: &mut String, started_unix_s: i64) {
    gauge(out, "process_start_time_seconds", "Start of the process, seconds since 1970.", started_unix_s);
    if let Some((cpu_s, threads)) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(stat) {
        let _ = writeln!(
            out,
            "# HELP process_cpu_seconds_total CPU time used.\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total {cpu_s}"
        );
        gauge(out, "process_threads", "Threads of the process.", threads);
    }
    if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
        gauge(out, "process_resident_memory_bytes", "Memory in RAM.", bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        gauge(out, "process_open_fds", "Open file descriptors.", open.count());
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        out,
        "# HELP sluice_build_info The binary that runs.\n# TYPE sluice_build_info gauge\nsluice_build_info{{version=\"{version}\"}} 1"
    );
}

fn gauge(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
}

/// CPU seconds (user and system) and threads, proc(5). Fields count from the last parenthesis: the
/// process's name before it may hold anything.
fn stat(text: &str) -> Option<(f64, u32)> {
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let user: u32 = fields.nth(11)?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    let threads = fields.nth(4)?.parse().ok()?;
    Some(((f64::from(user) + f64::from(system)) / TICKS_PER_S, threads))
}

fn resident_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read_by_position() {
        let line = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 1000 10";
        assert_eq!(stat(line), Some((3.0, 9)));
        assert_eq!(stat("7 (a"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t   12 kB\n"), Some(12_288));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_all_of_them() {
        let mut out = String::new();
        append(&mut out, 5);
        for name in [
            "process_start_time_seconds 5",
            "process_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_open_fds ",
        ] {
            assert!(out.lines().any(|line| line.starts_with(name)), "{name} in {out}");
        }
    }
}
