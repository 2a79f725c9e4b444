//! What bindings need beside calls: one worker starts it for each binding of the snapshot in force. It ends by itself
//! when a later snapshot has no such binding.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sluice_contract::Binding;
use sluice_transport::Tracker;

use crate::shared::Shared;

/// How soon the bindings of a new snapshot are looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn keep(shared: Arc<Shared>, tracker: Tracker) {
    let mut kept: Vec<Weak<dyn Binding>> = Vec::new();
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        every.tick().await;
        kept.retain(|binding| binding.strong_count() > 0);
        for binding in shared.snapshot.load().bindings.iter().flatten() {
            if kept.iter().any(|known| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(binding))) {
                continue;
            }
            kept.push(Arc::downgrade(binding));
            if let Some(upkeep) = Arc::clone(binding).upkeep() {
                tracker.spawn_background(upkeep);
            }
        }
    }
}
