//! How fast a ledger is verified, by threads, beside what the disk gives:
//! `cargo run --release -p sluice-ledger --example verify_rate -- DIR [RECORDS]`. Writes the ledger if DIR has none.

use std::error::Error;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use sluice_ledger::{Ledger, Options, Pending, Verification};

#[path = "sample/mod.rs"]
mod sample;

const CONCURRENT: usize = 256;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("verify_rate DIR [RECORDS]")?;
    let records: usize = arguments.next().map_or(Ok(2_000_000), |count| count.parse())?;
    let dir = Path::new(&dir);
    if !dir.join("origin").exists() {
        write(dir, records)?;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in (1..=cores).chain([cores]) {
        let verification = Verification { threads, ..Verification::default() };
        let (began, cpu) = (sample::now(), sample::cpu()?);
        let report = verification.run(dir, |_| {});
        let (took, spent) = (began.elapsed(), sample::cpu()?.saturating_sub(cpu));
        let thousands_per_s = |time: Duration| u128::from(report.head.size) / time.as_millis().max(1);
        println!(
            "{threads} threads: {} records in {} ms, {} k/s; {} k per second of CPU; fault {:?}",
            report.head.size,
            took.as_millis(),
            thousands_per_s(took),
            thousands_per_s(spent),
            report.fault
        );
    }
    Ok(())
}

/// Requests of two records each, many at once.
fn write(dir: &Path, records: usize) -> Result<(), Box<dyn Error>> {
    let mut options = Options::new(dir, "bench.example/ledger");
    options.segment_bytes = 64 << 20;
    let (ledger, _) = Ledger::open(&options)?;
    let appender = ledger.appender(0).ok_or("the worker is taken")?;
    let mut drive = pin!(appender.drive());
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut pending: Vec<Pending> = Vec::with_capacity(CONCURRENT);
    let mut done = 0;
    while done * 2 < records {
        while pending.len() < CONCURRENT {
            let access = appender.append(|key, out| sample::access(key).encode_into(out))?;
            let ref_ctr = access.key().ctr;
            drop(appender.append_trailing(|key, out| sample::outcome(key, ref_ctr).encode_into(out))?);
            pending.push(access);
        }
        let _running = drive.as_mut().poll(&mut context);
        let waiting = pending.len();
        pending.retain_mut(|record| matches!(Pin::new(record).poll(&mut context), Poll::Pending));
        done += waiting - pending.len();
        if waiting == pending.len() {
            std::thread::park();
        }
    }
    drop(pending);
    ledger.stop()?;
    Ok(())
}
