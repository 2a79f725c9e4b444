//! The question before a start: how far has each witness seen this log? A ledger that was set back, or that tells
//! another story than before, does not serve.

use std::time::{Duration, Instant};

use crate::archive::ReadError;
use crate::checkpoint::Checkpoint;
use crate::clock;
use crate::hash::Hash;
use crate::note::Signer;
use crate::recovery::OpenError;
use crate::tree::TreeHead;
use crate::witness::cosignature::WitnessKey;
use crate::witness::request::{AddCheckpoint, WitnessLine, parse_size};

/// Pause between two rounds of asking those that did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How often waiting is told.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// A witness that names another size each time serves another node with this log's key, or nobody.
const SIZES_TOLD_MAX: usize = 3;

/// A witness of this log, and the way to it.
pub struct WitnessPeer {
    /// Its public key.
    pub key: WitnessKey,
    /// The way to it.
    pub line: Box<dyn WitnessLine>,
}

/// What a start does if too few witnesses answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnreachable {
    /// Waits as long as this, then does not start.
    Wait(Duration),
    /// Starts and says so: a rollback is found once they answer, not before.
    Start,
}

/// Whose word counts for this log.
pub struct WitnessPolicy {
    /// The witnesses; none means that nobody is asked.
    pub peers: Vec<WitnessPeer>,
    /// Cosignatures that make a checkpoint witnessed; from 1 to the number of witnesses.
    pub quorum: usize,
    /// At a start.
    pub on_unreachable: OnUnreachable,
}

impl WitnessPolicy {
    /// A log without witnesses.
    pub fn none() -> Self {
        Self { peers: Vec::new(), quorum: 0, on_unreachable: OnUnreachable::Start }
    }

    /// Witnesses that must answer before a start: so many that one of them belongs to every quorum there ever was.
    fn answers_needed(&self) -> usize {
        (self.peers.len() + 1).saturating_sub(self.quorum.max(1))
    }
}

/// What proofs of a log are made from.
pub(crate) trait Tree {
    /// Proof that the first `old` records are a prefix of a tree that is known to be right, checked.
    fn extension(&self, old: u64, head: &TreeHead) -> Result<Vec<Hash>, ReadError>;
}

/// What came of one attempt to have a checkpoint cosigned.
pub(crate) enum Told {
    /// The checked signature line.
    Cosigned(String),
    /// It has cosigned so many records, and we have fewer.
    Ahead(u64),
    /// It has cosigned another history of so many records.
    Differs(u64),
    /// It knows the log or the key not, or something is wrong with it; a sentence.
    Refused(String),
    /// No answer; a sentence.
    Silent(String),
}

/// One witness, and the size that it is believed to know.
pub(crate) struct Known {
    pub(crate) peer: WitnessPeer,
    pub(crate) size: u64,
}

impl Known {
    /// Asks the witness to cosign a checkpoint, from whatever size it says that it knows.
    pub(crate) fn present(&mut self, checkpoint: &Checkpoint, tree: &dyn Tree) -> Told {
        let size = checkpoint.head().size;
        for _ in 0..SIZES_TOLD_MAX {
            let proof = match tree.extension(self.size, checkpoint.head()) {
                Ok(proof) => proof,
                Err(error) => return Told::Silent(format!("no proof can be made: {error}")),
            };
            let request = AddCheckpoint { old: self.size, proof, note: checkpoint.note() };
            let (status, body) = match self.peer.line.add_checkpoint(request.to_body()) {
                Ok(answer) => answer,
                Err(error) => return Told::Silent(error.to_string()),
            };
            match (status, body.strip_suffix('\n').and_then(parse_size)) {
                (200, _) => {
                    return match self.peer.key.line_over(checkpoint.text(), &body) {
                        Ok(line) => {
                            self.size = size;
                            Told::Cosigned(line)
                        }
                        Err(error) => Told::Refused(format!("its cosignature is not good: {error}")),
                    };
                }
                (409, Some(known)) if known > size => return Told::Ahead(known),
                // The same size, and yet a conflict: the roots differ.
                (409, Some(known)) if known == self.size => return Told::Differs(known),
                (409, Some(known)) => self.size = known,
                (422, _) => return Told::Differs(self.size),
                (403, _) => return Told::Refused(String::from("it does not accept this ledger's key (403)")),
                (404, _) => return Told::Refused(String::from("it does not know this ledger's origin (404)")),
                (status, _) => return Told::Silent(format!("it answers with status {status}")),
            }
        }
        Told::Silent(String::from("it names another size each time"))
    }
}

/// Asks every witness how far it has seen the log, and refuses to go on with less or with other records.
pub(crate) fn confront(
    policy: WitnessPolicy,
    (signer, head): (&Signer, TreeHead),
    tree: &dyn Tree,
) -> Result<Vec<Known>, OpenError> {
    let (needed, on_unreachable) = (policy.answers_needed(), policy.on_unreachable);
    let mut known: Vec<Known> = policy.peers.into_iter().map(|peer| Known { peer, size: 0 }).collect();
    if known.is_empty() {
        return Ok(known);
    }
    let checkpoint = Checkpoint::sign(signer, head);
    let mut silent: Vec<(usize, String)> = (0..known.len()).map(|at| (at, String::new())).collect();
    let began = clock::now();
    let mut told_at = None::<Instant>;
    loop {
        let mut still = Vec::new();
        for (at, _) in std::mem::take(&mut silent) {
            let Some(witness) = known.get_mut(at) else { continue };
            if let Some(why) = ask(witness, &checkpoint, tree)? {
                still.push((at, why));
            }
        }
        silent = still;
        if known.len() - silent.len() >= needed {
            return Ok(known);
        }
        let names = silent.iter().filter_map(|(at, why)| Some(format!("{} ({why})", known.get(*at)?.peer.key.name())));
        let missing = names.collect::<Vec<_>>().join(", ");
        match on_unreachable {
            OnUnreachable::Start => {
                tracing::error!("UNWITNESSED start: a rollback would not be noticed; without an answer: {missing}");
                return Ok(known);
            }
            OnUnreachable::Wait(most) if clock::now().duration_since(began) >= most => {
                return Err(OpenError::Unwitnessed { needed, missing });
            }
            OnUnreachable::Wait(_) => {
                if told_at.is_none_or(|told| clock::now().duration_since(told) >= TELL_EVERY) {
                    told_at = Some(clock::now());
                    tracing::warn!("waiting for witnesses before the start; without an answer: {missing}");
                }
                pause(PAUSE);
            }
        }
    }
}

/// `Some` sentence if the witness is to be asked again.
fn ask(witness: &mut Known, checkpoint: &Checkpoint, tree: &dyn Tree) -> Result<Option<String>, OpenError> {
    let found = checkpoint.head().size;
    let told = witness.present(checkpoint, tree);
    let name = || witness.peer.key.name().to_owned();
    match told {
        Told::Cosigned(_) => Ok(None),
        Told::Ahead(witnessed) => Err(OpenError::WitnessedRollback { witness: name(), witnessed, found }),
        Told::Differs(size) => Err(OpenError::WitnessedFork { witness: name(), size, found }),
        Told::Refused(why) => Err(OpenError::WitnessRefuses { witness: name(), why }),
        Told::Silent(why) => Ok(Some(why)),
    }
}

fn pause(time: Duration) {
    let due = clock::now() + time;
    while let Some(left) = due.checked_duration_since(clock::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
