//! CPU time per appended record on this machine: one worker, batches of concurrent records, all threads counted.
//! `cargo run --release -p sluice-ledger --example append_cost -- DIR [RECORDS]`

use std::collections::BTreeMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use sluice_ledger::record::{Access, Decision, Head, Method, SubjectTags};
use sluice_ledger::{Ledger, Options, Pending, RequestKey};

const CONCURRENT: usize = 64;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("append_cost DIR [RECORDS]")?;
    let records: usize = arguments.next().map_or(Ok(200_000), |count| count.parse())?;
    let (ledger, _) = Ledger::open(&Options::new(dir, "bench.example/ledger"))?;
    let appender = ledger.appender(0).ok_or("the worker is taken")?;
    let mut drive = pin!(appender.drive());
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let before = (cpu_ns()?, ledger.metrics());
    let mut pending: Vec<Pending> = Vec::with_capacity(CONCURRENT);
    let mut done = 0;
    while done < records {
        while pending.len() < CONCURRENT {
            pending.push(appender.append(|key, out| access(key).encode_into(out))?);
        }
        let _running = drive.as_mut().poll(&mut context);
        let waiting = pending.len();
        let mut failed = None;
        pending.retain_mut(|record| match Pin::new(record).poll(&mut context) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                failed = result.err().or(failed);
                false
            }
        });
        if let Some(closed) = failed {
            return Err(closed.into());
        }
        done += waiting - pending.len();
        if waiting == pending.len() {
            std::thread::park();
        }
    }
    let (after, metrics) = (cpu_ns()?, ledger.metrics());
    println!(
        "{done} records in {} batches, {} B per record, fdatasync mean {} µs; ns CPU per record:",
        metrics.batches - before.1.batches,
        metrics.bytes / metrics.records.max(1),
        metrics.fsync_sum_us / metrics.batches.max(1)
    );
    for (thread, spent) in &after {
        let since = spent - before.0.get(thread).unwrap_or(&0);
        println!("  {thread:<16} {}", since / done as u64);
    }
    drop(pending);
    ledger.stop()?;
    Ok(())
}

/// CPU nanoseconds of each living thread of this process, by name.
fn cpu_ns() -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let mut times = BTreeMap::new();
    for thread in std::fs::read_dir("/proc/self/task")? {
        let path = thread?.path();
        let figures = std::fs::read_to_string(path.join("schedstat"))?;
        let name = std::fs::read_to_string(path.join("comm"))?;
        let spent: u64 = figures.split(' ').next().unwrap_or_default().parse()?;
        times.insert(name.trim_end().to_owned(), spent);
    }
    Ok(times)
}

fn access(key: RequestKey) -> Access<'static> {
    Access {
        head: Head { wall_us: 1_700_000_000_000_000, mono_us: 5, key },
        consumer_party: "rs",
        consumer_system: "rs.main",
        handler: "H-0007",
        client_cert_fp: Some([7; 16]),
        src_ip: Ipv4Addr::LOCALHOST.into(),
        src_port: 40_000,
        listener: "data",
        provider_party: "ga",
        resource: "101001001/000001",
        resource_version: "3",
        operation: "",
        method: Method::Post,
        path_template: "/v1/resources/{code}/query",
        resource_id_tag: None,
        level: 3,
        categories: 1,
        subjects: SubjectTags::none(),
        purpose: "social_assistance",
        legal_basis: "",
        matter_tag: Some([9; 16]),
        grant: "G-0001",
        policy_revision: "12",
        snapshot_revision: "s-77",
        decision: Decision::Permit,
        code: "",
        request_digest: None,
        disclosed: &[0b1011],
        masked: &[0b0010],
        risk_flags: 0,
        request_id: [1; 16],
        mode: "query",
        share_type: "conditional",
        flags: 0,
        units: 1,
        trace_id: None,
    }
}
