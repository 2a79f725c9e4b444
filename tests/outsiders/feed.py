"""A log that others wrote (aics-tlog) has its checkpoints cosigned by our witness, through a client that others wrote.

usage: feed.py keygen KEY_FILE ORIGIN              prints the log's public key
       feed.py feed KEY_FILE ORIGIN URL WITNESS_VKEY
"""

import pathlib
import sys

import aics_tlog as other
from aics_witness.feeder import FeederError, WitnessClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

command, key_file, origin, *rest = sys.argv[1:]
key_file = pathlib.Path(key_file)
if command == "keygen":
    key_file.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
key = Ed25519PrivateKey.from_private_bytes(key_file.read_bytes())
vkey = other.vkey_from_ed25519(origin, key.public_key())
if command == "keygen":
    print(other.format_vkey(vkey))
    sys.exit()

url, witness_text = rest
witness = other.parse_vkey(witness_text)
client = WitnessClient(url, witness, max_attempts=1)


def grown(words, size):
    tree = other.MerkleTree()
    for at in range(size):
        tree.append(f"{words} {at}".encode())
    return tree


def submit(tree, size):
    checkpoint = other.Checkpoint(origin=origin, size=size, root=tree.root())
    note = other.sign_checkpoint(checkpoint, key, origin)
    # The client checks the cosignature that comes back.
    return client.submit(note.to_bytes(), tree.consistency_proof)


for size in (1, 2, 255, 256, 257, 1000):
    submit(grown("record", size), size)
    print(f"size {size} cosigned")

for words, size, why in (("record", 257, "smaller"), ("another record", 1000, "another"), ("another record", 1300, "a fork")):
    try:
        submit(grown(words, size), size)
    except FeederError as refused:
        print(f"{why} refused: {type(refused).__name__}")
    else:
        sys.exit(f"{why} tree was cosigned")
