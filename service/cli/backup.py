"""`epaccs backup` and `epaccs restore`: sealed copies of the database, and the database made of them again."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path

import click
import msgspec

from security.audit_batch import signing_key
from security.backup_statement import BackupPart
from security.clock import instant
from security.keys import FileKeyRing, open_keys
from service.backup.epoch import NewEpoch, export_heads, new_epoch, next_number
from service.backup.errors import BackupRefused
from service.backup.files import check_digest, check_pair, find, older, remove_all
from service.backup.take import Taken, take
from service.cli.common import fail, plain_errors, read_settings
from service.cli.server import settle_memory
from service.cli.verify import exported_of, verify_store
from service.opening import open_store
from service.settings import Settings
from service.store.port import RecordStore
from service.store.sqlite import SqliteStore
from service.store.sqlite_backup import files_of, move_into_place, put_together, remove
from service.verify.outside import Outside
from service.wiring import clock_of, database_file, new_chain

_TOLD_EVERY_SECONDS = 2.0
_BY_ITS_OWN_TOOLS = (
    "Records lie in MongoDB, which has tools of its own for this: docs/backup.md says how, and what to run afterwards."
)
_days = click.IntRange(1, 36500)


@click.command()
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the content.")
@click.option(
    "--keys-to",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the wrapped keys of records; another one.",
)
@click.option("--keep-days", type=_days, help="Then delete content that is older, never the newest.")
@click.option("--keep-keys-days", type=_days, help="Then delete keys that are older, never the newest.")
@click.option("--json", "as_json", is_flag=True, help="Say what was made as JSON.")
@plain_errors
def backup(to: Path, keys_to: Path, keep_days: int | None, keep_keys_days: int | None, as_json: bool) -> None:
    """Copy the database while the service runs: of one moment, sealed as it is, wrapped keys in a file of their own.

    The key file (EPACCS_KEYS), the clients and the exported heads are files of their own and not in it.
    """
    settings = read_settings()
    if not settings.store.startswith("sqlite"):
        fail(_BY_ITS_OWN_TOOLS)
    key, now = signing_key(open_keys(settings.keys).audit_signing_pem), clock_of(settings)()
    begun = time.monotonic()
    try:
        taken = take(database_file(settings), to, keys_to, now, settings.tenant, key, _Progress())
    except BackupRefused as refused:
        fail(str(refused))
    for folder, part, days in ((to, BackupPart.CONTENT, keep_days), (keys_to, BackupPart.KEYS, keep_keys_days)):
        if days is not None:
            newest = taken.content.statement.made
            remove_all(
                older(folder, part, now - timedelta(days=days), newest), lambda path: click.echo(f"Deleted {path.name}")
            )
    _say_taken(taken, time.monotonic() - begun, as_json)


def _say_taken(taken: Taken, seconds: float, as_json: bool) -> None:
    content, keys = taken.content, taken.keys
    if as_json:
        said = {
            "content": str(content.database),
            "keys": str(keys.database),
            "made": instant(content.statement.made),
            "records": content.statement.records,
            "auditEntries": content.statement.entries,
            "bytes": content.statement.size + keys.statement.size,
        }
        click.echo(msgspec.json.encode(said))
        return
    click.echo(
        f"Copied {content.statement.records:,} records and {content.statement.entries:,} audit entries of "
        f"{instant(content.statement.made)} in {seconds:.1f} s."
    )
    for name, file in (("content", content), ("keys", keys)):
        click.echo(f"  {name:8} {file.database} ({file.statement.size:,} bytes)")


@click.command()
@click.option(
    "--from",
    "content_from",
    type=click.Path(exists=True, path_type=Path),
    help="Content of a backup: a file, or a folder, of which the newest.",
)
@click.option(
    "--keys-from",
    type=click.Path(exists=True, path_type=Path),
    help="Keys of the same backup or a later one: a file, or a folder, of which the newest.",
)
@click.option("--in-place", is_flag=True, help="The database is restored already, by tools of its own.")
@click.option("--epoch", type=click.IntRange(1), help="Number of the epoch that begins; only where it cannot be told.")
@click.option("--accept-findings", is_flag=True, help="Put it in place although the verification finds things wrong.")
@plain_errors
def restore(
    content_from: Path | None, keys_from: Path | None, in_place: bool, epoch: int | None, accept_findings: bool
) -> None:
    """Make the database of a backup, verify it, and begin a new epoch. The service must not run.

    A new epoch makes sure that no version, sequence or delivery number handed out since the backup is handed out again,
    and that no sign-in assertion used since then is good a second time.
    """
    if in_place == (content_from is not None) or (content_from is None) != (keys_from is None):
        raise click.UsageError("Give --from and --keys-from, or --in-place.")
    settings = read_settings()
    keys = open_keys(settings.keys)
    settle_memory()
    try:
        if content_from is not None and keys_from is not None:
            right = asyncio.run(_restore(settings, keys, content_from, keys_from, epoch, accept_findings))
        else:
            right = asyncio.run(_begin_in_place(settings, keys, epoch))
    except BackupRefused as refused:
        fail(str(refused))
    click.echo(
        "What was written after the backup is not there. Ask who wrote since then to send it again: above all, "
        "withdrawn consents and changed decisions."
    )
    sys.exit(0 if right or accept_findings else 1)


async def _restore(
    settings: Settings, keys: FileKeyRing, content_from: Path, keys_from: Path, epoch: int | None, accept: bool
) -> bool:
    """Make the database beside its place, verify it there, and move it; return whether nothing is wrong with it."""
    if not settings.store.startswith("sqlite"):
        fail(_BY_ITS_OWN_TOOLS)
    key, clock, target = signing_key(keys.audit_signing_pem), clock_of(settings), database_file(settings)
    if any(path.exists() for path in files_of(target)):
        raise BackupRefused(f"{target}: there is a database. Move it away first, with the files beside it.")
    content = find(content_from, BackupPart.CONTENT, key.public_key(), settings.tenant)
    wrapped = find(keys_from, BackupPart.KEYS, key.public_key(), settings.tenant)
    check_pair(content, wrapped)
    for file in (content, wrapped):
        check_digest(file)
    click.echo(f"Content of {instant(content.statement.made)}, keys of {instant(wrapped.statement.made)}.")
    made = target.with_name(f"{target.name}.restoring")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove(made)
    try:
        erased = put_together(content.database, wrapped.database, made)
        if erased:
            click.echo(f"{len(erased):,} records have no key any more: they were erased, and are not restored.")
        store = await SqliteStore.open(made, new_chain(keys), clock)
        try:
            number = next_number(await store.epochs(), exported_of(settings, keys), epoch)
            begun = await new_epoch(
                store,
                number,
                clock(),
                content.statement.made,
                erased,
                Outside(settings.heads_file, settings.syslog),
                key,
                settings.tenant,
            )
            await store.begin_epoch(begun.stored)
            right = await verify_store(settings, keys, begun.exported(), store)
        finally:
            await store.close()
        if not right and not accept:
            fail("Nothing was put in place. --accept-findings does it all the same.")
        _make_known(begun)
        move_into_place(made, target)
    finally:
        remove(made)
    await _export(settings, keys, begun)
    click.echo(f"Restored to {target}. Epoch {number} begins; the service can start.")
    return right


async def _begin_in_place(settings: Settings, keys: FileKeyRing, epoch: int | None) -> bool:
    """Begin an epoch in a database that its own tools restored, and verify it."""
    key, clock = signing_key(keys.audit_signing_pem), clock_of(settings)
    store = await open_store(settings, keys, clock)
    try:
        number = next_number(await store.epochs(), exported_of(settings, keys), epoch)
        outside = Outside(settings.heads_file, settings.syslog)
        begun = await new_epoch(store, number, clock(), None, (), outside, key, settings.tenant)
        _make_known(begun)
        await store.begin_epoch(begun.stored)
        await export_heads(store, begun, clock)
        right = await verify_store(settings, keys, exported_of(settings, keys), store)
    finally:
        await store.close()
    click.echo(f"Epoch {number} begins; the service can start.")
    return right


async def _export(settings: Settings, keys: FileKeyRing, begun: NewEpoch) -> None:
    store: RecordStore = await open_store(settings, keys, clock_of(settings))
    try:
        await export_heads(store, begun, clock_of(settings))
    finally:
        await store.close()


def _make_known(begun: NewEpoch) -> None:
    try:
        begun.make_known()
    except OSError:
        fail("The statement of the restore could not be written to the heads file.")


class _Progress:
    """Says on standard error how far it is, every two seconds."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, table: str, done: int, total: int) -> None:
        if time.monotonic() - self._told >= _TOLD_EVERY_SECONDS:
            self._told = time.monotonic()
            click.echo(f"{table}: {done:,} of {total:,}" if total else table, err=True)
