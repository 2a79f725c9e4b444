//! Departments that call without pause, and remember every answer that they received in full.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::client::{Answer, Call, Connection, Identity};

/// A request that was sent, and what came of it.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// An answer, complete.
    Answered(Answer),
    /// The connection ended first. `unsent` when nothing of it can have been accepted.
    Lost(String),
}

/// Callers at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many callers, each with a connection of its own that it opens again when the exchange
    /// closes it after an answer.
    pub fn start(callers: usize, identity: &Identity, port: u16, call: &Call) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let outcomes = Arc::new(Mutex::new(Vec::new()));
        let spawn = |_| {
            let (stop, outcomes, identity, call) = (stop.clone(), outcomes.clone(), identity.clone(), call.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    let Ok(connection) = Connection::open(&identity, port) else { return };
                    converse(connection, &call, &stop, &outcomes);
                }
            })
        };
        let callers = (0..callers).map(spawn).collect();
        Self { stop, outcomes, callers }
    }

    /// How many answers have come.
    pub fn answers(&self) -> usize {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Ends the callers and gives what they saw.
    pub fn end(mut self) -> Vec<Outcome> {
        self.stop.store(true, Ordering::Release);
        for caller in self.callers.drain(..) {
            caller.join().expect("a caller ends");
        }
        std::mem::take(&mut self.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn converse(mut connection: Connection, call: &Call, stop: &AtomicBool, outcomes: &Mutex<Vec<Outcome>>) {
    while !stop.load(Ordering::Acquire) {
        let sent = connection.send(call);
        let ends = match &sent {
            Ok(answer) => answer.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
            Err(_) => true,
        };
        let outcome = sent.map_or_else(|error| Outcome::Lost(error.to_string()), Outcome::Answered);
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        if ends {
            return;
        }
    }
}
