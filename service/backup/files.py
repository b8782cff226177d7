"""The files of a backup: a SQLite file for the content, one for the wrapped keys, and a signed statement beside each.

    content-20261128T073500Z.sqlite  content-20261128T073500Z.json
    keys-20261128T073500Z.sqlite     keys-20261128T073500Z.json

The statement is written last: a file without one is of a backup that did not end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from security.backup_statement import BackupPart, BackupStatement, read_statement
from security.clock import instant
from security.errors import SealBroken
from service.backup.errors import BackupRefused

_STAMP = "%Y%m%dT%H%M%SZ"
_BLOCK = 1024 * 1024


def database_of(part: BackupPart, made: datetime, folder: Path) -> Path:
    """Return where the SQLite file of a part lies."""
    return folder / f"{part}-{made.astimezone(UTC).strftime(_STAMP)}.sqlite"


def statement_of(database: Path) -> Path:
    """Return where the statement of a SQLite file lies."""
    return database.with_suffix(".json")


def made_at(path: Path, part: BackupPart) -> datetime | None:
    """Return the moment that the name of a statement or database of a part tells; None for any other file."""
    name, _, stamp = path.stem.partition("-")
    if name != part or path.suffix not in (".sqlite", ".json"):
        return None
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def digest_of(path: Path) -> bytes:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A SQLite file of a backup, and what its statement says."""

    database: Path
    statement: BackupStatement


def find(given: Path, part: BackupPart, key: Ed25519PublicKey, tenant: str) -> BackupFile:
    """Return the part that `given` names: a SQLite file, or a folder, in which the newest one is meant.

    Raises:
        BackupRefused: there is none, or it is not what this deployment wrote.

    """
    database = given
    if given.is_dir():
        there = sorted(path for path in given.glob(f"{part}-*.json") if made_at(path, part))
        if not there:
            raise BackupRefused(f"{given}: holds no {part} of a backup.")
        database = there[-1].with_suffix(".sqlite")
    statement = _statement(database, key)
    if statement.part is not part or statement.tenant != tenant:
        raise BackupRefused(f"{database}: is not the {part} of a backup of this deployment.")
    return BackupFile(database, statement)


def check_digest(file: BackupFile) -> None:
    """Raise BackupRefused unless a file is what its statement says."""
    try:
        right = file.database.stat().st_size == file.statement.size and (
            digest_of(file.database) == file.statement.digest
        )
    except OSError:
        raise BackupRefused(f"{file.database}: cannot be read.") from None
    if not right:
        raise BackupRefused(f"{file.database}: is not as it was when the backup was made.")


def check_pair(content: BackupFile, keys: BackupFile) -> None:
    """Raise BackupRefused where the keys are older than the content: records made in between would be lost."""
    if keys.statement.made < content.statement.made:
        raise BackupRefused(
            f"The keys are of {instant(keys.statement.made)} and older than the content, of "
            f"{instant(content.statement.made)}: give the keys of the same backup or of a later one."
        )


def older(folder: Path, part: BackupPart, than: datetime, newest: datetime) -> list[Path]:
    """Return the files of a part made before `than`, statements first; never those made at `newest`."""
    found = [(made_at(path, part), path) for path in folder.iterdir()]
    old = [path for made, path in found if made is not None and made < than and made != newest]
    return sorted(old, key=lambda path: (path.suffix != ".json", path.name))


def remove_all(paths: list[Path], tell: Callable[[Path], None]) -> None:
    """Delete files; `tell` hears each."""
    for path in paths:
        path.unlink(missing_ok=True)
        tell(path)


def _statement(database: Path, key: Ed25519PublicKey) -> BackupStatement:
    path = statement_of(database)
    try:
        return read_statement(key, path.read_bytes())
    except OSError:
        raise BackupRefused(f"{path}: the statement of the backup cannot be read.") from None
    except SealBroken:
        raise BackupRefused(f"{path}: is not a statement that this deployment signed.") from None
