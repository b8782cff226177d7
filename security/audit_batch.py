"""Signed batches: the proof of the audit's state that leaves the database.

Guarantees, against anyone, the database's owner included: once a signed batch is kept elsewhere, the chains it names
cannot be cut, changed or replaced up to their heads without showing, and a batch can be checked with the public key
alone.
Does not: say anything about entries after it, or prove that a batch was kept elsewhere.

The Merkle tree is that of RFC 6962, section 2.1, with SHA-256.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from security.errors import KeysRefused, SealBroken
from security.seal import canonical

_HASH = SHA256()
_LEAF = b"\x00"
_NODE = b"\x01"


class ChainHead(msgspec.Struct, frozen=True):
    """The last entry of one chain when the batch was made."""

    chain_id: bytes
    seq: int
    mac: bytes


class Batch(msgspec.Struct, frozen=True):
    """The state of a tenant's audit at one moment.

    `heads` lists the chains that moved since the signer's batch before; the signer's first batch lists all of them.
    `root` is the Merkle root over the last entry of **every** chain, in order of chain (`leaf_of`), `entries` how many
    entries they have together, and `previous` the signature of the batch before (empty for the first), so that batches
    form a chain too.
    """

    tenant: str
    made: datetime
    heads: tuple[ChainHead, ...]
    entries: int
    root: bytes
    previous: bytes


def leaf_of(head: ChainHead) -> bytes:
    """Return the leaf that stands for a chain in the tree of a batch."""
    return canonical(head.chain_id, head.seq.to_bytes(8, "big"), head.mac)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 tree hash of `leaves`, in order."""
    if not leaves:
        return _sha256(b"")
    # The largest power of two left of the middle splits each tree; pairing from the left gives the same tree, as an odd
    # node at the end rises unhashed.
    level = [_sha256(_LEAF + leaf) for leaf in leaves]
    while len(level) > 1:
        paired = [_sha256(_NODE + left + right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def sign_batch(key: Ed25519PrivateKey, batch: Batch) -> bytes:
    """Return the Ed25519 signature (64 bytes) of `batch`."""
    return key.sign(_canonical(batch))


def verify_batch(key: Ed25519PublicKey, batch: Batch, signature: bytes) -> None:
    """Raise `SealBroken` unless `signature` is that of `batch`."""
    try:
        key.verify(signature, _canonical(batch))
    except InvalidSignature:
        raise SealBroken from None


def signing_key(pem: str) -> Ed25519PrivateKey:
    """Return the private key in `pem`, as the key file keeps it."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except ValueError:
        raise KeysRefused("the audit signing key cannot be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysRefused("the audit signing key must be Ed25519")
    return key


def _canonical(batch: Batch) -> bytes:
    heads = (leaf_of(head) for head in batch.heads)
    return canonical(
        b"EPB1",
        batch.tenant.encode(),
        batch.made.astimezone(UTC).isoformat().encode(),
        canonical(*heads),
        batch.entries.to_bytes(8, "big"),
        batch.root,
        batch.previous,
    )


def _sha256(content: bytes) -> bytes:
    digest = Hash(_HASH)
    digest.update(content)
    return digest.finalize()
