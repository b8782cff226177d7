"""Statements of restores and backups: signed whole, so that no word of one can be changed, and read back as written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security.backup_statement import BackupPart, BackupStatement, read_statement, sealed_statement
from security.epoch import Epoch, sign_epoch, verify_epoch
from security.errors import SealBroken

KEY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EPOCH = Epoch("demo", 1, NOW, NOW - timedelta(hours=3), (b"record",), 12, b"r" * 32, b"p" * 64)
BACKUP = BackupStatement(BackupPart.CONTENT, "demo", NOW, 3, 10, 20, 30, b"d" * 32)
CHANGED: dict[str, Any] = {
    "tenant": "other",
    "number": 2,
    "began": NOW + timedelta(seconds=1),
    "backup_made": None,
    "erased": (b"rec", b"ord"),
    "entries": 13,
    "root": b"s" * 32,
    "previous": b"",
    "part": BackupPart.KEYS,
    "made": NOW + timedelta(seconds=1),
    "schema": 4,
    "records": 11,
    "size": 31,
    "digest": b"e" * 32,
}


@pytest.mark.parametrize("field", Epoch.__struct_fields__)
def test_no_word_of_a_restore_can_be_changed(field: str) -> None:
    signature = sign_epoch(KEY, EPOCH)
    verify_epoch(KEY.public_key(), EPOCH, signature)
    with pytest.raises(SealBroken):
        verify_epoch(KEY.public_key(), msgspec.structs.replace(EPOCH, **{field: CHANGED[field]}), signature)
    with pytest.raises(SealBroken):
        verify_epoch(STRANGER.public_key(), EPOCH, signature)


@pytest.mark.parametrize("field", BackupStatement.__struct_fields__)
def test_no_word_of_a_backup_can_be_changed(field: str) -> None:
    written = sealed_statement(KEY, BACKUP)
    assert read_statement(KEY.public_key(), written) == BACKUP
    read = msgspec.json.decode(written)
    other = sealed_statement(STRANGER, msgspec.structs.replace(BACKUP, **{field: CHANGED[field]}))
    forged = {**msgspec.json.decode(other), "signature": read["signature"]}
    for content in (msgspec.json.encode(forged), other, written[:-1], b"", b"[]"):
        with pytest.raises(SealBroken):
            read_statement(KEY.public_key(), content)
