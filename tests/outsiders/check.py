"""Checks an exported log and a proof file with aics-tlog, which others wrote: from files and pinned keys alone.

usage: check.py TILES PROOF LOG_VKEY [WITNESS_VKEY]...
"""

import base64
import pathlib
import sys

import aics_tlog as other
from aics_tlog.verified import audit_tiles

tiles, proof_file, key, *witnesses = sys.argv[1:]
key, witnesses = other.parse_vkey(key), [other.parse_vkey(text) for text in witnesses]


def head(note):
    """A checkpoint signed by the log and cosigned by all witnesses."""
    verified = other.verify_checkpoint(other.parse_note(note), key, witnesses, len(witnesses))
    assert verified.ok, f"the checkpoint does not hold: {verified.error}"
    assert verified.cosignature_count == len(witnesses), "a witness is missing"
    return verified


def own(note):
    """A checkpoint signed by the log."""
    verified = other.verify_checkpoint(other.parse_note(note), key)
    assert verified.ok, f"the checkpoint is not signed by the pinned key: {verified.error}"
    return verified


checkpoint = own((pathlib.Path(tiles) / "checkpoint").read_bytes())
report = audit_tiles(other.FileSystemTileReader(tiles), checkpoint.size, checkpoint.root)
print(f"folder: {report.size} records, {report.tiles} tiles, {report.bundles} bundles hold")

proof, note = pathlib.Path(proof_file).read_text().split("\n\n", 1)
title, extra, index, *hashes = proof.splitlines()
assert title == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and index.startswith("index ")
signed = head(note.encode())
leaf, at = base64.b64decode(extra[6:]), int(index[6:])
path = [base64.b64decode(line) for line in hashes]
assert other.verify_leaf_inclusion(leaf, at, signed.size, path, signed.root), "the proof does not hold"
assert not other.verify_leaf_inclusion(leaf + b"x", at, signed.size, path, signed.root)
print(f"proof: record {at} of {signed.size} holds, cosigned by {len(witnesses)}")
