//! SHA-256 as RFC 6962 uses it: leaves and inner nodes are hashed in separate domains.

use aws_lc_rs::digest::{SHA256, digest};

/// A SHA-256 value: a leaf hash, an inner node or a root.
pub type Hash = [u8; 32];

/// Domain byte in front of leaf bytes (RFC 6962 §2.1).
pub(crate) const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

/// Hash of bytes that already are contiguous; one call, no heap.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// RFC 6962 leaf hash of leaf bytes (`salt || cbor`).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut prefixed = Vec::with_capacity(leaf.len() + 1);
    prefixed.push(LEAF_PREFIX);
    prefixed.extend_from_slice(leaf);
    sha256(&prefixed)
}

/// RFC 6962 hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [NODE_PREFIX; 65];
    if let Some((_, hashes)) = bytes.split_first_mut() {
        let (first, second) = hashes.split_at_mut(32);
        first.copy_from_slice(left);
        second.copy_from_slice(right);
    }
    sha256(&bytes)
}

/// Root of the empty tree (RFC 6962 §2.1).
pub(crate) fn empty_root() -> Hash {
    sha256(&[])
}
