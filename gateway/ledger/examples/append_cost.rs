//! What the ledger costs on this machine, as one table: requests of two records each are appended by one worker, many
//! at once, and then verified. Beside it what the disk gives.
//! `cargo run --profile bench -p sluice-ledger --example append_cost -- DIR [REQUESTS [CALLERS]]`; DIR must not hold a
//! ledger. A commit waits for at most 4 ms, so few callers cannot ask for much: 64 by default, 1,024 for the most.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use sluice_ledger::record::{Access, SubjectTag, SubjectTags, TagList};
use sluice_ledger::{Appender, Ledger, Options, Pending, RequestKey, Verification};

#[path = "sample/mod.rs"]
mod sample;

type Failure = Box<dyn Error>;

/// Requests in flight, unless told otherwise.
const CALLERS: usize = 64;
const SEGMENT_BYTES: u64 = 64 << 20;
/// Syncs of 4 KiB into written space.
const PROBES: usize = 1_000;
/// One citizen, as most queries name.
const CITIZEN: [SubjectTag; 1] = [SubjectTag { id_type: 1, tag: [8; 16] }];

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("append_cost DIR [REQUESTS]")?;
    let requests: usize = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let callers: usize = arguments.next().map_or(Ok(CALLERS), |count| count.parse())?;
    let dir = Path::new(&dir);
    if dir.join("origin").exists() {
        return Err("DIR holds a ledger already".into());
    }
    std::fs::create_dir_all(dir)?;
    let (half, most) = disk(dir)?;
    println!("| disk, fdatasync of 4 KiB | p50 {} µs, p99 {} µs |\n|---|---|", half.as_micros(), most.as_micros());
    append(dir, requests, callers)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, cores] {
        verify(dir, threads)?;
    }
    Ok(())
}

/// Appends requests and prints what they cost.
fn append(dir: &Path, requests: usize, callers: usize) -> Result<(), Failure> {
    let mut options = Options::new(dir, "bench.example/ledger");
    options.segment_bytes = SEGMENT_BYTES;
    let (ledger, _) = Ledger::open(&options)?;
    let appender = ledger.appender(0).ok_or("the worker is taken")?;
    let (before, metrics, began) = (cpu_ns()?, ledger.metrics(), now());
    serve(&appender, requests, callers)?;
    let (took, after) = (began.elapsed(), cpu_ns()?);
    let (records, batches) = (ledger.metrics().records - metrics.records, ledger.metrics().batches - metrics.batches);
    let bytes = ledger.metrics().bytes - metrics.bytes;
    println!(
        "| durable records per second, {callers} callers | {} |",
        u128::from(records) * 1_000 / took.as_millis().max(1)
    );
    println!(
        "| records per commit, bytes per request | {}, {} |",
        records / batches.max(1),
        bytes * 2 / records.max(1)
    );
    let mut sum = 0;
    for (thread, spent) in &after {
        let since = spent - before.get(thread).unwrap_or(&0);
        sum += since;
        println!("| CPU per request, thread {thread} | {} ns |", since / requests as u64);
    }
    println!("| CPU per request, all threads | {} ns |", sum / requests as u64);
    ledger.stop()?;
    Ok(())
}

fn serve(appender: &Appender, requests: usize, callers: usize) -> Result<(), Failure> {
    let mut drive = pin!(appender.drive());
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut pending: Vec<Pending> = Vec::with_capacity(callers);
    let (mut done, mut failed) = (0, None);
    appender.set_callers(u32::try_from(callers)?);
    while done < requests {
        while pending.len() < callers {
            pending.push(appender.append(|key, out| access(key).encode_into(out))?);
        }
        let _running = drive.as_mut().poll(&mut context);
        let waiting = pending.len();
        pending.retain_mut(|record| {
            let ref_ctr = record.key().ctr;
            match Pin::new(record).poll(&mut context) {
                Poll::Pending => true,
                Poll::Ready(result) => {
                    let outcome = appender.append_trailing(|key, out| sample::outcome(key, ref_ctr).encode_into(out));
                    failed = result.err().or(outcome.map(drop).err()).or(failed);
                    false
                }
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
    Ok(())
}

/// A query about one person.
fn access(key: RequestKey) -> Access<'static> {
    let subjects = SubjectTags { key_epoch: 682, total: 1, part: 0, tags: TagList::Given(&CITIZEN) };
    Access { subjects, ..sample::access(key) }
}

fn verify(dir: &Path, threads: usize) -> Result<(), Failure> {
    let verification = Verification { threads, ..Verification::default() };
    let (began, cpu_before) = (now(), cpu()?);
    let report = verification.run(dir, |_| {});
    let (took, spent) = (began.elapsed(), cpu()?.saturating_sub(cpu_before));
    if let Some(fault) = report.fault {
        return Err(fault.to_string().into());
    }
    let per_s = |time: Duration| u128::from(report.head.size) * 1_000 / time.as_millis().max(1);
    let (rate, per_core) = (per_s(took), per_s(spent));
    println!("| verified per second, {threads} threads | {rate}, {per_core} per second of CPU |");
    Ok(())
}

/// Median and 99th percentile of a sync.
fn disk(dir: &Path) -> Result<(Duration, Duration), Failure> {
    let path = dir.join("probe");
    let file = File::create(&path)?;
    let block = vec![1; 4_096];
    for at in 0..PROBES as u64 {
        file.write_all_at(&block, at * 4_096)?;
    }
    file.sync_all()?;
    let mut times = Vec::with_capacity(PROBES);
    for at in 0..PROBES as u64 {
        let began = now();
        file.write_all_at(&block, at * 4_096)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    std::fs::remove_file(path)?;
    let at = |percent: usize| times.get(PROBES * percent / 100).copied().unwrap_or_default();
    Ok((at(50), at(99)))
}

/// CPU nanoseconds of each living thread of this process, by name.
fn cpu_ns() -> Result<BTreeMap<String, u64>, Failure> {
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

/// CPU time of all threads that have run so far, those that ended included.
fn cpu() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).ok_or("stat");
    // USER_HZ is 100 on Linux.
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// A monotonic time.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}
