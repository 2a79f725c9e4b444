//! Other people's implementations agree: `tlog_tiles` on proofs and tile paths, `signed_note` on checkpoints.

use std::convert::Infallible;

use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::tlog::{Hash as OracleHash, HashReader, check_record, check_tree, prove_record, prove_tree};

use crate::hash::{Hash, leaf_hash};
use crate::note::Signer;
use crate::tests::sim_disk::SimDisk;
use crate::tiles::{self, TileId, Tiles};
use crate::tree::{self, Frontier, TreeHead, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};
use crate::{Checkpoint, VerifierKey};

/// Every index of every size up to here, and some of every size up to `SAMPLED_SIZE_MAX`.
const SIZE_MAX: u64 = 300;
const SAMPLED_SIZE_MAX: u64 = 2_000;
/// Set by `tests/soak`: every index of every size up to `SAMPLED_SIZE_MAX` as well, four million proofs.
const ALL_VARIABLE: &str = "SLUICE_ALL_PROOFS";

/// The oracle's storage: every hash of the tree in its own order.
struct Stored(Vec<OracleHash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<OracleHash>, tlog_tiles::tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

fn oracle(size: u64) -> Stored {
    let mut stored = Stored(Vec::new());
    for index in 0..size {
        let hashes = tlog_tiles::tlog::stored_hashes(index, &leaf(index), &stored).unwrap();
        stored.0.extend(hashes);
    }
    stored
}

/// Our source of complete subtrees: tiles in memory, full ones kept aside.
struct Ours {
    tiles: Tiles,
    full: std::collections::HashMap<(u8, u64), Vec<Hash>>,
}

impl Ours {
    fn new(size: u64) -> Self {
        let mut ours = Self { tiles: Tiles::default(), full: std::collections::HashMap::new() };
        for index in 0..size {
            let full = &mut ours.full;
            let keep = |id: TileId, row: &[Hash]| -> Result<(), Infallible> {
                full.insert((id.level, id.number), row.to_vec());
                Ok(())
            };
            let Ok(()) = ours.tiles.push(leaf_hash(&leaf(index)), keep);
        }
        ours
    }

    fn node(&self, level: u8, index: u64) -> Result<Hash, crate::ReadError> {
        self.tiles.node(level, index, |id| Ok(self.full[&(id.level, id.number)].clone()))
    }
}

#[test]
fn proofs_of_all_sizes_equal_the_oracles_and_verify_both_ways() {
    let (stored, ours) = (oracle(SIZE_MAX), Ours::new(SIZE_MAX));
    let mut frontier = Frontier::new();
    for size in 1..=SIZE_MAX {
        frontier.push(leaf_hash(&leaf(size - 1)));
        let root = tree::root(size, |level, at| ours.node(level, at)).unwrap();
        let oracle_root = tlog_tiles::tlog::tree_hash(size, &stored).unwrap();
        assert_eq!((root, frontier.root()), (oracle_root.0, oracle_root.0), "root of {size}");
        for index in 0..size {
            let proof = inclusion_proof(index, size, |level, at| ours.node(level, at)).unwrap();
            let theirs = prove_record(size, index, &stored).unwrap();
            assert_eq!(proof, theirs.iter().map(|hash| hash.0).collect::<Vec<_>>(), "proof of {index} in {size}");
            assert!(verify_inclusion(index, &leaf_hash(&leaf(index)), size, &root, &proof));
            assert!(!verify_inclusion(index, &leaf_hash(b"other"), size, &root, &proof));
            if (size + index) % 7 == 0 {
                // Equal proofs verify alike: a sample is enough for the slow oracle.
                check_record(&theirs, size, oracle_root, index, OracleHash(leaf_hash(&leaf(index)))).unwrap();
            }
        }
    }
}

#[test]
fn consistency_proofs_equal_the_oracles_and_verify_both_ways() {
    let (stored, ours) = (oracle(SIZE_MAX), Ours::new(SIZE_MAX));
    let head = |size| TreeHead { size, root: tree::root(size, |level, at| ours.node(level, at)).unwrap() };
    for size in 1..=SIZE_MAX {
        let new = head(size);
        for old in 1..=size {
            let old = head(old);
            let proof = consistency_proof(old.size, size, |level, at| ours.node(level, at)).unwrap();
            let theirs = prove_tree(size, old.size, &stored).unwrap();
            assert_eq!(proof, theirs.iter().map(|hash| hash.0).collect::<Vec<_>>(), "{} to {size}", old.size);
            assert!(verify_consistency(&old, &new, &proof), "{} to {size}", old.size);
            let forged = TreeHead { size: old.size, root: [0; 32] };
            assert!(!verify_consistency(&forged, &new, &proof));
            if (size + old.size) % 7 == 0 {
                check_tree(&theirs, size, OracleHash(new.root), old.size, OracleHash(old.root)).unwrap();
            }
        }
    }
}

#[test]
fn roots_and_proofs_of_every_size_to_two_thousand_equal_the_oracles() {
    let is_exhaustive = std::env::var_os(ALL_VARIABLE).is_some();
    let (stored, mut frontier) = (oracle(SAMPLED_SIZE_MAX), Frontier::new());
    let mut compared = 0;
    // Complete subtrees by level, each hashed once: the tiles would hash them again for every proof.
    let mut levels: Vec<Vec<Hash>> = Vec::new();
    for index in 0..SAMPLED_SIZE_MAX {
        let mut keep = |level: usize, node: Hash| {
            levels.resize_with(levels.len().max(level + 1), Vec::new);
            levels[level].push(node);
        };
        let hash = leaf_hash(&leaf(index));
        keep(0, hash);
        frontier.push_noting(hash, |level, node| keep(level, *node));
        let size = index + 1;
        let node = |level: u8, at: u64| Ok::<_, Infallible>(levels[usize::from(level)][usize::try_from(at).unwrap()]);
        let theirs = tlog_tiles::tlog::tree_hash(size, &stored).unwrap();
        assert_eq!(frontier.root(), theirs.0, "root of {size}");
        let mut chance = crate::tests::support::Seeded::new(size);
        let sample = vec![0, index, index / 2, chance.below(size), chance.below(size)];
        for at in if is_exhaustive { (0..size).collect() } else { sample } {
            let Ok(ours) = inclusion_proof(at, size, node);
            let proof = prove_record(size, at, &stored).unwrap();
            assert_eq!(ours, proof.iter().map(|hash| hash.0).collect::<Vec<_>>(), "proof of {at} in {size}");
            assert!(verify_inclusion(at, &levels[0][usize::try_from(at).unwrap()], size, &frontier.root(), &ours));
            let old = at + 1;
            let Ok(ours) = consistency_proof(old, size, node);
            let proof = prove_tree(size, old, &stored).unwrap();
            assert_eq!(ours, proof.iter().map(|hash| hash.0).collect::<Vec<_>>(), "{old} to {size}");
            compared += 2;
        }
    }
    println!("{compared} proofs of sizes up to {SAMPLED_SIZE_MAX} equal the oracle's");
}

#[test]
fn frontier_is_rebuilt_from_subtrees_at_every_size() {
    let ours = Ours::new(SIZE_MAX);
    let mut frontier = Frontier::new();
    for size in 0..SIZE_MAX {
        let rebuilt = Frontier::from_nodes(size, |level, at| ours.node(level, at)).unwrap();
        assert_eq!(rebuilt.root(), frontier.root(), "size {size}");
        frontier.push(leaf_hash(&leaf(size)));
    }
}

#[test]
fn tile_paths_are_the_oracles() {
    for number in [0, 1, 67, 255, 999, 1_000, 1_234_067, 987_654_321] {
        for level in [0_u8, 1, 2] {
            let theirs = tlog_tiles::tile::Tile::new(8, level, number, 256, false).path();
            // The oracle prints the tile height, which C2SP fixes at 8 and leaves out.
            assert_eq!(tiles::path(TileId { level, number }), theirs.replacen("tile/8/", "tile/", 1));
        }
    }
}

#[test]
fn checkpoint_is_read_and_verified_by_the_oracle() {
    let disk = SimDisk::new();
    let signer = Signer::load_or_create(&disk, "gw.test/ledger/1").unwrap();
    let head = TreeHead { size: 12_345, root: [5; 32] };
    let checkpoint = Checkpoint::sign(&signer, head);
    let key = signer.verifier().to_text();

    let note = Note::from_bytes(checkpoint.note().as_bytes()).unwrap();
    let verifiers = VerifierList::new(vec![Box::new(StandardVerifier::new(&key).unwrap())]);
    let (verified, unverified) = note.verify(&verifiers).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
    let theirs = tlog_tiles::checkpoint::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), ("gw.test/ledger/1", 12_345, [5; 32]));

    let parsed = VerifierKey::parse(&key).unwrap();
    assert_eq!(Checkpoint::open(checkpoint.note(), &parsed).unwrap(), checkpoint);
    let reloaded = Signer::load_or_create(&disk, "gw.test/ledger/1").unwrap();
    assert_eq!(reloaded.verifier().to_text(), key, "the key outlives the process");
}

#[test]
fn tiles_that_cannot_be_written_leave_the_tree_right() {
    let (mut tiles, mut frontier) = (Tiles::default(), Frontier::new());
    let mut failures = 0;
    for index in 0..70_000 {
        let hash = leaf_hash(&leaf(index));
        frontier.push(hash);
        failures += u32::from(tiles.push(hash, |_, _| Err("disk full")).is_err());
    }
    assert_eq!((failures, tiles.head().unwrap().root), (273, frontier.root()));
}
