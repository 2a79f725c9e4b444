//! The one home of spawning on a worker, so that drain knows what still runs.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::metrics::WorkerMetrics;

/// Spawns tasks on the worker's thread and counts those that must finish.
#[derive(Clone)]
pub struct Tracker(Rc<Inner>);

struct Inner {
    running: Cell<usize>,
    quiet: Notify,
    metrics: Arc<WorkerMetrics>,
}

impl Tracker {
    /// A tracker that counts panics in `metrics`.
    pub fn new(metrics: Arc<WorkerMetrics>) -> Self {
        Self(Rc::new(Inner { running: Cell::new(0), quiet: Notify::new(), metrics }))
    }

    /// Runs `task` to its end; drain waits for it until its deadline. Must be called on a worker.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.running.set(self.0.running.get() + 1);
        let running = Running(Rc::clone(&self.0));
        self.spawn_background(async move {
            let _running = running;
            task.await;
        });
    }

    /// Runs `task` until the worker ends; drain does not wait for it. Must be called on a worker.
    #[expect(clippy::disallowed_methods, reason = "the one home of spawn_local")]
    pub fn spawn_background(&self, task: impl Future<Output = ()> + 'static) {
        let watch = PanicWatch(Arc::clone(&self.0.metrics));
        tokio::task::spawn_local(async move {
            let _watch = watch;
            task.await;
        });
    }

    /// Tasks that drain waits for.
    pub fn running(&self) -> usize {
        self.0.running.get()
    }

    /// Resolves once no task runs that drain waits for. Cancel safe.
    pub async fn quiet(&self) {
        while self.running() > 0 {
            // One thread: nothing can end between the check and the registration.
            self.0.quiet.notified().await;
        }
    }
}

struct Running(Rc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        let left = self.0.running.get().saturating_sub(1);
        self.0.running.set(left);
        if left == 0 {
            self.0.quiet.notify_waiters();
        }
    }
}

struct PanicWatch(Arc<WorkerMetrics>);

impl Drop for PanicWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.task_panics.add(1);
        }
    }
}
