"""Which files of a backup are meant, which belong together, and which are old enough to go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security.backup_statement import BackupPart, BackupStatement, sealed_statement
from service.backup.errors import BackupRefused
from service.backup.files import (
    BackupFile,
    check_digest,
    check_pair,
    database_of,
    digest_of,
    find,
    older,
    statement_of,
)

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONTENT, KEYS = BackupPart.CONTENT, BackupPart.KEYS


def written(folder: Path, part: BackupPart, made: datetime, tenant: str = "demo") -> BackupFile:
    database = database_of(part, made, folder)
    database.write_bytes(f"{part} of {made}".encode())
    statement = BackupStatement(part, tenant, made, 3, 1, 2, database.stat().st_size, digest_of(database))
    statement_of(database).write_bytes(sealed_statement(KEY, statement))
    return BackupFile(database, statement)


def test_a_folder_means_its_newest_backup_that_ended(tmp_path: Path) -> None:
    files = [written(tmp_path, CONTENT, NOW + timedelta(days=day)) for day in range(3)]
    written(tmp_path, KEYS, NOW + timedelta(days=9))
    database_of(CONTENT, NOW + timedelta(days=7), tmp_path).write_bytes(b"a crash came before its statement")
    (tmp_path / "content-notes.json").write_text("{}")
    assert find(tmp_path, CONTENT, PUBLIC, "demo") == files[2]
    assert find(files[0].database, CONTENT, PUBLIC, "demo") == files[0]


@pytest.mark.parametrize("case", ["empty folder", "no statement", "another's", "other part", "other deployment"])
def test_what_this_deployment_did_not_write_is_refused(tmp_path: Path, case: str) -> None:
    part, tenant, key = CONTENT, "demo", PUBLIC
    given = (
        tmp_path if case == "empty folder" else written(tmp_path, KEYS if case == "other part" else part, NOW).database
    )
    if case == "no statement":
        statement_of(given).unlink()
    elif case == "another's":
        key = Ed25519PrivateKey.generate().public_key()
    elif case == "other deployment":
        tenant = "elsewhere"
    with pytest.raises(BackupRefused):
        find(given, part, key, tenant)


def test_a_file_that_was_changed_cut_or_taken_away_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, CONTENT, NOW)
    check_digest(file)
    whole = file.database.read_bytes()
    for changed in (whole[:-1], whole + b"x", b"x" + whole[1:], b""):
        file.database.write_bytes(changed)
        with pytest.raises(BackupRefused, match="is not as it was"):
            check_digest(file)
    file.database.unlink()
    with pytest.raises(BackupRefused, match="cannot be read"):
        check_digest(file)


def test_keys_must_not_be_older_than_the_content(tmp_path: Path) -> None:
    content = written(tmp_path, CONTENT, NOW)
    for later in (timedelta(0), timedelta(days=30)):
        check_pair(content, written(tmp_path, KEYS, NOW + later))
    with pytest.raises(BackupRefused, match="older than the content"):
        check_pair(content, written(tmp_path, KEYS, NOW - timedelta(seconds=1)))


def test_old_files_of_one_part_go_statements_first_and_the_newest_stays(tmp_path: Path) -> None:
    for day in range(5):
        written(tmp_path, CONTENT, NOW + timedelta(days=day))
    written(tmp_path, KEYS, NOW)
    (tmp_path / "content-of-my-own.txt").write_text("not a backup")
    newest = NOW + timedelta(days=4)
    going = older(tmp_path, CONTENT, NOW + timedelta(days=3), newest)
    assert [path.suffix for path in going] == [".json"] * 3 + [".sqlite"] * 3
    assert all(path.name.startswith("content-2026030") for path in going)
    assert older(tmp_path, CONTENT, NOW + timedelta(days=99), newest) == older(tmp_path, CONTENT, newest, newest)
