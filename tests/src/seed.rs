//! Randomness with a seed that a failing test prints.

use std::hash::{BuildHasher as _, RandomState};

/// A stream of numbers (`SplitMix64`), the same for the same seed.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Where it began.
    pub origin: u64,
    state: u64,
}

impl Seed {
    /// A new seed for this run, printed so that a failure can be repeated with [`Seed::repeat`].
    pub fn fresh(what: &str) -> Self {
        let seed = RandomState::new().hash_one(what);
        eprintln!("{what}: seed {seed}");
        Self::repeat(seed)
    }

    /// The stream of a known seed.
    pub fn repeat(seed: u64) -> Self {
        Self { origin: seed, state: seed }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// True once in `of` times.
    pub fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// One of them.
    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of.get(at).expect("something to pick from")
    }

    /// About half of them, in order, at least one.
    pub fn some_of<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let chosen: Vec<T> = of.iter().filter(|_| self.one_in(2)).cloned().collect();
        if chosen.is_empty() { vec![self.pick(of).clone()] } else { chosen }
    }
}
