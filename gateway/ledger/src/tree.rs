//! The Merkle tree of RFC 6962 §2 as pure functions over the hashes of complete subtrees.

use crate::hash::{Hash, empty_root, node_hash};

/// The complete subtrees on the right edge: enough to append and to know the root, O(log n) memory.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    /// `nodes[l]` is meaningful if bit `l` of `size` is set.
    nodes: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf hash; one inner hash on average.
    pub fn push(&mut self, leaf: Hash) {
        self.push_noting(leaf, |_, _| {});
    }

    /// The same, telling the level and hash of every complete subtree that the leaf finishes.
    pub(crate) fn push_noting(&mut self, leaf: Hash, mut tell: impl FnMut(usize, &Hash)) {
        let mut node = leaf;
        let mut level = 0;
        while self.size >> level & 1 == 1 {
            if let Some(left) = self.nodes.get(level) {
                node = node_hash(left, &node);
            }
            level += 1;
            tell(level, &node);
        }
        match self.nodes.get_mut(level) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
        self.size += 1;
    }

    /// Root of the tree so far.
    pub fn root(&self) -> Hash {
        let complete = self.nodes.iter().enumerate().filter(|(level, _)| self.size >> level & 1 == 1);
        complete.map(|(_, node)| *node).reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }

    /// Rebuilds the frontier of a tree of `size` leaves from its complete subtrees.
    pub(crate) fn from_nodes<E>(size: u64, mut node: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Self, E> {
        let levels = u64::BITS - size.leading_zeros();
        let mut nodes = Vec::new();
        for level in 0..levels {
            let is_set = size >> level & 1 == 1;
            let level_no = u8::try_from(level).unwrap_or(u8::MAX);
            nodes.push(if is_set { node(level_no, (size >> level) - 1)? } else { [0; 32] });
        }
        Ok(Self { size, nodes })
    }
}

/// Largest power of two smaller than `size` (≥ 2): where RFC 6962 splits a tree.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// Root of leaves `[from, from + size)`, `from` aligned as the recursion produces it.
fn range_root<E>(from: u64, size: u64, node: &mut impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 {
        return Ok(empty_root());
    }
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return node(u8::try_from(level).unwrap_or(u8::MAX), from >> level);
    }
    let left = split(size);
    let (left_root, right_root) = (range_root(from, left, node)?, range_root(from + left, size - left, node)?);
    Ok(node_hash(&left_root, &right_root))
}

/// Root of the first `size` leaves. `node(level, i)` is the hash of leaves `[i·2^level, (i+1)·2^level)`.
///
/// # Errors
/// Those of `node`.
pub fn root<E>(size: u64, mut node: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    range_root(0, size, &mut node)
}

/// Proof that leaf `index` is in the tree of `size` leaves (RFC 6962 §2.1.1); empty if `index` is not.
///
/// # Errors
/// Those of `node`.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut node: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    let (mut from, mut left_over) = (0, size);
    if index >= size {
        return Ok(proof);
    }
    while left_over > 1 {
        let left = split(left_over);
        if index - from < left {
            proof.push(range_root(from + left, left_over - left, &mut node)?);
            left_over = left;
        } else {
            proof.push(range_root(from, left, &mut node)?);
            from += left;
            left_over -= left;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Proof that the tree of `old` leaves is a prefix of that of `size` (RFC 6962 §2.1.2); empty if `old` is 0 or `size`.
///
/// # Errors
/// Those of `node`.
pub fn consistency_proof<E>(
    old: u64,
    size: u64,
    mut node: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old == 0 || old >= size {
        return Ok(proof);
    }
    let (mut from, mut left_over, mut wanted, mut is_whole) = (0, size, old, true);
    while wanted != left_over {
        let left = split(left_over);
        if wanted <= left {
            proof.push(range_root(from + left, left_over - left, &mut node)?);
            left_over = left;
        } else {
            proof.push(range_root(from, left, &mut node)?);
            from += left;
            left_over -= left;
            wanted -= left;
            is_whole = false;
        }
    }
    if !is_whole {
        proof.push(range_root(from, left_over, &mut node)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks an inclusion proof (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(index: u64, leaf: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut position, mut last, mut node) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            node = node_hash(step, &node);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            node = node_hash(&node, step);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && node == *root
}

/// One tree head: how many leaves, and their root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// Checks that `old` is a prefix of `new` (RFC 9162 §2.1.4.2).
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> bool {
    if old.size > new.size {
        return false;
    }
    if old.size == new.size {
        return proof.is_empty() && old.root == new.root;
    }
    if old.size == 0 {
        return proof.is_empty() && old.root == empty_root();
    }
    let (mut position, mut last) = (old.size - 1, new.size - 1);
    while position & 1 == 1 {
        position >>= 1;
        last >>= 1;
    }
    let mut steps = proof.iter();
    let start = if old.size.is_power_of_two() { Some(&old.root) } else { steps.next() };
    let Some(start) = start else { return false };
    let (mut old_node, mut new_node) = (*start, *start);
    for step in steps {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            old_node = node_hash(step, &old_node);
            new_node = node_hash(step, &new_node);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            new_node = node_hash(&new_node, step);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && old_node == old.root && new_node == new.root
}
