//! What the report says of given results.

use super::{Options, markdown, run};
use crate::fsync::Disk;
use crate::load::Measured;

fn result(row: &str, round: u32, cpu: f64) -> Measured {
    Measured {
        row: row.to_owned(),
        round,
        tls: "TLSv1_3 TLS13_AES_256_GCM_SHA384".into(),
        connections: 64,
        requests: 1_000,
        seconds: 1.0,
        rps: 1_000.0,
        p50_us: 10.0,
        p99_us: 20.0,
        errors: 0,
        first_error: None,
        cpu_us_per_request: Some(cpu),
        proxy_busy_percent: Some(99.0),
        proxy_core_busy_percent: 99.5,
        proxy_core_stolen_percent: 0.0,
        own_core_busy_percent: 80.0,
    }
}

fn report(results: &[Measured]) -> String {
    let disk = Disk { writes: 10, p50_us: 107.0, p99_us: 300.0 };
    markdown(results, &disk, &[("HAProxy".into(), "2.6".into())]).unwrap()
}

fn line<'a>(report: &'a str, holding: &str) -> &'a str {
    report.lines().find(|line| line.contains(holding)).unwrap()
}

#[test]
fn ratios_are_paired_and_ties_are_called_so() {
    let check = |sluice: [f64; 3], peer: [f64; 3], expected: &str| {
        let rounds = |row: &str, figures: [f64; 3]| -> Vec<Measured> {
            (1..).zip(figures).map(|(round, cpu)| result(row, round, cpu)).collect()
        };
        let report = report(&[rounds("sluice-query", sluice), rounds("haproxy-f7", peer)].concat());
        assert_eq!(line(&report, "G2 (289 B)"), format!("- G2 (289 B): Sluice query ÷ HAProxy f7: {expected}"));
    };
    check([10.0, 20.0, 30.0], [20.0, 20.0, 20.0], "1.00 (0.50–1.50), a tie");
    check([10.0, 20.0, 40.0], [20.0, 40.0, 80.0], "0.50 (0.50–0.50)");
    check([22.0, 22.0, 22.0], [20.0, 20.0, 20.0], "1.10 (1.10–1.10)");
}

#[test]
fn a_row_says_what_is_against_it() {
    let mut idle = result("haproxy-f5", 1, 80.0);
    idle.proxy_busy_percent = Some(70.0);
    idle.proxy_core_busy_percent = 95.0;
    idle.proxy_core_stolen_percent = 4.0;
    let mut wrong = result("nginx-mtls", 1, 17.0);
    wrong.errors = 3;
    wrong.first_error = Some("status 500 | a\nb".into());
    let unsteady = [result("haproxy-mtls", 1, 16.0), result("haproxy-mtls", 2, 24.0)];
    let steady = [result("haproxy-f7", 1, 20.0), result("haproxy-f7", 2, 24.0)];
    let report = report(&[vec![idle, wrong], unsteady.into(), steady.into()].concat());
    let idle = line(&report, "| HAProxy f5");
    assert!(
        idle.contains("under 95 % busy (others took 25 % of it; generator's core 80 %)")
            && idle.contains("hypervisor took 4 %"),
        "{idle}"
    );
    assert!(line(&report, "| nginx mTLS, 289").contains("**3 errors**, first: status 500   a b |"), "{report}");
    assert!(line(&report, "| HAProxy f7, 289").ends_with("no projection |  |"), "nothing is against it");
    assert!(
        line(&report, "| HAProxy mTLS").ends_with("| unsteady: costliest round 1.5 times the cheapest |"),
        "{report}"
    );
    assert!(line(&report, "| Sluice query, 289").contains("not measured"));
    assert!(line(&report, "G2 (10 KB)").ends_with("not measured"));
    assert!(line(&report, "fdatasync").contains("p50 107 µs, p99 300 µs"));
    assert!(report.contains("- HAProxy: 2.6\n"));
}

#[test]
fn missing_and_damaged_results_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(path("damaged"), "{\"row\":").unwrap();
    std::fs::write(path("disk"), "{\"writes\":1,\"p50_us\":1.0,\"p99_us\":1.0}").unwrap();
    for name in ["empty", "damaged", "absent"] {
        let options = Options { results: path(name), fsync: path("disk"), facts: Vec::new(), out: path("out") };
        assert!(format!("{:#}", run(&options).unwrap_err()).contains(name), "{name}");
    }
}

#[test]
fn the_cost_of_durability_and_of_projection_is_told() {
    let slower = |mut measured: Measured| {
        measured.rps = 900.0;
        measured
    };
    let report = report(&[
        slower(result("sluice-query", 1, 44.0)),
        result("sluice-volatile", 1, 40.0),
        result("haproxy-f7", 1, 30.0),
        result("sluice-query-10k", 1, 64.0),
        result("haproxy-f7-10k", 1, 40.0),
    ]);
    assert!(line(&report, "G4 (CPU)").ends_with("1.10 (1.10–1.10)"), "{report}");
    assert!(line(&report, "G4 (requests/s)").ends_with("0.90 (0.90–0.90)"), "{report}");
    // (64 − 44) − (40 − 30) = 10 µs over 9.72 KB.
    assert!(line(&report, "G6").ends_with("1.03 (1.03–1.03)"), "{report}");
}
