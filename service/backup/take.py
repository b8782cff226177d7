"""A backup of a SQLite database, taken while it is in use: of one moment, sealed as the database is, and stated."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security.backup_statement import BackupPart, BackupStatement, sealed_statement
from service.backup.errors import BackupRefused
from service.backup.files import BackupFile, database_of, digest_of, statement_of
from service.store.sqlite_backup import Copied, Tell, copy_out
from service.store.sqlite_file import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Taken:
    """The two files of a backup."""

    content: BackupFile
    keys: BackupFile


def take(
    database: Path, content_to: Path, keys_to: Path, made: datetime, tenant: str, key: Ed25519PrivateKey, tell: Tell
) -> Taken:
    """Copy `database` into two folders; `made` is now.

    Raises:
        BackupRefused: the folders are one, or hold a backup of this second.
        StoreUnavailable: the database or a folder does not answer; what was begun is gone again.

    """
    if not database.exists():
        raise BackupRefused(f"{database}: there is no database.")
    folders = {BackupPart.CONTENT: content_to, BackupPart.KEYS: keys_to}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if content_to.samefile(keys_to):
        raise BackupRefused("Content and keys must lie in different folders: keys are kept apart, and not for so long.")
    made = made.replace(microsecond=0)
    databases = {part: database_of(part, made, folder) for part, folder in folders.items()}
    if any(path.exists() for path in databases.values()):
        raise BackupRefused("There is a backup of this very second: wait for the next one.")
    try:
        copied = copy_out(database, databases[BackupPart.CONTENT], databases[BackupPart.KEYS], tell)
        content, keys = (_state(part, path, made, tenant, copied, key) for part, path in databases.items())
    except BaseException:
        for path in databases.values():
            path.unlink(missing_ok=True)
            statement_of(path).unlink(missing_ok=True)
        raise
    return Taken(content, keys)


def _state(
    part: BackupPart, database: Path, made: datetime, tenant: str, copied: Copied, key: Ed25519PrivateKey
) -> BackupFile:
    size, digest = database.stat().st_size, digest_of(database)
    statement = BackupStatement(part, tenant, made, SCHEMA_VERSION, copied.records, copied.entries, size, digest)
    path = statement_of(database)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(sealed_statement(key, statement))
        file.flush()
        os.fsync(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return BackupFile(database, statement)
