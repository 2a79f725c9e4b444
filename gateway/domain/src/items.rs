//! Sets of a resource's data items, by position in the catalogue entry.

/// Most items that one resource may have. A wider table is split into resources by meaning.
pub const ITEMS_MAX: usize = 256;

const WORD_BITS: usize = 64;

/// A set of positions 0..[`ITEMS_MAX`]; copied freely, compared in four words.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Hash)]
pub struct ItemSet([u64; ITEMS_MAX / WORD_BITS]);

impl ItemSet {
    /// The empty set.
    pub const EMPTY: Self = Self([0; ITEMS_MAX / WORD_BITS]);

    /// The positions `0..count`; more than [`ITEMS_MAX`] saturates.
    pub fn first(count: usize) -> Self {
        (0..count.min(ITEMS_MAX)).collect()
    }

    /// Adds a position; positions from [`ITEMS_MAX`] on are ignored (the catalogue refuses them).
    pub fn insert(&mut self, position: usize) {
        if let Some(word) = self.0.get_mut(position / WORD_BITS) {
            *word |= 1 << (position % WORD_BITS);
        }
    }

    /// Whether the position is in the set.
    pub fn contains(&self, position: usize) -> bool {
        self.0.get(position / WORD_BITS).is_some_and(|word| word & (1 << (position % WORD_BITS)) != 0)
    }

    /// Whether every position of `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & !b == 0)
    }

    /// Positions in either.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// Positions in both.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
        self
    }

    /// Positions of `self` that `other` lacks.
    #[must_use]
    pub fn difference(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many positions.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Positions in ascending order: the catalogue's item order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| Bits(*word).map(move |bit| at * WORD_BITS + bit))
    }

    /// Little-endian bytes without trailing zeros, as the access record stores them.
    pub fn to_bytes(self) -> ([u8; ITEMS_MAX / 8], usize) {
        let mut bytes = [0; ITEMS_MAX / 8];
        for (chunk, word) in bytes.chunks_exact_mut(WORD_BITS / 8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        (bytes, used)
    }
}

struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

impl FromIterator<usize> for ItemSet {
    fn from_iter<I: IntoIterator<Item = usize>>(positions: I) -> Self {
        let mut set = Self::EMPTY;
        positions.into_iter().for_each(|position| set.insert(position));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_in_item_order() {
        let set: ItemSet = [200, 3, 64, 63, 0, 3].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 3, 63, 64, 200]);
        assert_eq!(set.len(), 5);
        assert!(set.contains(64) && !set.contains(65) && !set.contains(9999));
    }

    #[test]
    fn subset_difference_and_bytes_agree() {
        let wide: ItemSet = [0, 1, 9].into_iter().collect();
        let narrow: ItemSet = [1].into_iter().collect();
        assert!(narrow.is_subset(&wide) && !wide.is_subset(&narrow));
        assert_eq!(wide.difference(&narrow).iter().collect::<Vec<_>>(), [0, 9]);
        let (bytes, used) = wide.to_bytes();
        assert_eq!(&bytes[..used], &[0b11, 0b10]);
        assert_eq!(ItemSet::EMPTY.to_bytes().1, 0);
    }
}
