//! What a request costs its worker in memory: nothing, once the buffers have the size of the largest batch.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use sluice_ledger::record::{Access, SUBJECTS_INLINE_MAX, SubjectTag, SubjectTags, Subjects, TagList};
use sluice_ledger::{Appender, Closed, Drive, Ledger, Options, Pending};

#[path = "../examples/sample/mod.rs"]
mod sample;

const EPOCH: u16 = 682;
/// People of one access: those who stand in it, and a continuation.
const PEOPLE: [SubjectTag; 100] = [SubjectTag { id_type: 1, tag: [8; 16] }; 100];
/// Requests at a time, and one after the other in a window.
const CONCURRENT: usize = 16;
const ROUNDS: usize = 20;
/// Buffers grow by doubling, each a few times in its life; whatever is allocated for a request shows in each window.
const WINDOWS: usize = 200;
const WINDOWS_OF_GROWTH_MAX: usize = 20;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A worker with its executor, which allocates nothing itself.
struct Worker {
    appender: Appender,
    drive: Pin<Box<Drive>>,
    pending: Vec<Pending>,
    waker: Waker,
}

impl Worker {
    /// ACCESS and SUBJECTS of some requests, waited for, and then the OUTCOME of each.
    fn serve(&mut self) -> Result<(), Closed> {
        for _ in 0..CONCURRENT {
            let (inline, further) = PEOPLE.split_at(SUBJECTS_INLINE_MAX);
            let tags = |part, tags| SubjectTags { key_epoch: EPOCH, total: 100, part, tags: TagList::Given(tags) };
            let access = self.appender.append(|key, out| {
                Access { subjects: tags(0, inline), ..sample::access(key) }.encode_into(out);
            });
            let access = access?;
            let ref_ctr = access.key().ctr;
            let rest = self.appender.append(|key, out| {
                Subjects { head: sample::head(key), ref_ctr, subjects: tags(1, further) }.encode_into(out);
            });
            self.pending.extend([access, rest?]);
        }
        let mut context = Context::from_waker(&self.waker);
        while !self.pending.is_empty() {
            assert!(self.drive.as_mut().poll(&mut context).is_pending());
            let (appender, mut failed) = (&self.appender, None);
            self.pending.retain_mut(|record| {
                let ref_ctr = record.key().ctr;
                let Poll::Ready(durable) = Pin::new(record).poll(&mut context) else { return true };
                let outcome = appender.append_trailing(|key, out| sample::outcome(key, ref_ctr).encode_into(out));
                failed = durable.err().or(outcome.err()).or(failed);
                false
            });
            failed.map_or(Ok(()), Err)?;
            if !self.pending.is_empty() {
                std::thread::park();
            }
        }
        Ok(())
    }
}

#[test]
fn appending_access_subjects_and_outcome_allocates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(&Options::new(dir.path(), "gw.test/ledger/1")).unwrap();
    let appender = ledger.appender(0).unwrap();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let drive = Box::pin(appender.drive());
    let mut worker = Worker { appender, drive, pending: Vec::with_capacity(2 * CONCURRENT), waker };
    let mut window = || allocation_counter::measure(|| (0..ROUNDS).for_each(|_| worker.serve().unwrap())).count_total;
    let counts: Vec<u64> = (0..WINDOWS).map(|_| window()).collect();
    let growing = counts.iter().filter(|count| **count > 0).count();
    assert!(growing <= WINDOWS_OF_GROWTH_MAX, "allocations in windows of {} requests: {counts:?}", CONCURRENT * ROUNDS);
    // Looked at, or the compiler would leave it out.
    let boxed = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(worker.pending.len()))));
    assert_eq!(boxed.count_total, 1, "it counts");
    ledger.stop().unwrap();
}
