"""`epaccs verify`: everything that is stored against the keys, against itself, and against heads kept elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from pathlib import Path
from typing import cast

import click

from security.audit import AuditSealer
from security.audit_batch import signing_key
from security.blind_index import BlindIndex
from security.clock import instant
from security.envelope import Envelope
from security.heads import Heads
from security.keys import FileKeyRing, open_keys
from service.cli.common import fail, plain_errors, read_settings
from service.cli.server import settle_memory
from service.opening import open_store
from service.record.records import Records
from service.settings import Settings
from service.store.port import RecordStore
from service.store.sqlite_reads import SqliteReads
from service.verify.exported import Exported, read_exported
from service.verify.findings import table
from service.verify.run import ResumeFile, Verification
from service.wiring import clock_of, database_file

_TOLD_EVERY_SECONDS = 2.0


@click.command()
@click.option(
    "--heads",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of exported heads that was kept elsewhere, instead of this home's own.",
)
@click.option("--resume", is_flag=True, help="Go on behind the last record that a stopped run checked.")
@plain_errors
def verify(heads: Path | None, resume: bool) -> None:
    """Check every record and the whole audit; name what is wrong and end with 1 if anything is. Changes nothing."""
    settings = read_settings()
    keys = open_keys(settings.keys)
    exported = exported_of(settings, keys, heads)
    settle_memory()
    if not asyncio.run(_verify(settings, keys, exported, resume)):
        sys.exit(1)


async def _verify(settings: Settings, keys: FileKeyRing, exported: Exported, resume: bool) -> bool:
    """Verify the store that the settings name; return whether nothing is wrong."""
    clock = clock_of(settings)
    if not settings.store.startswith("sqlite"):
        store = await open_store(settings, keys, clock)
        try:
            return await verify_store(settings, keys, exported, store, resume=resume)
        finally:
            await store.close()
    path = database_file(settings)
    if not path.exists():
        fail(f"{path}: there is no database.")
    reads = SqliteReads(path, clock)
    try:
        # The writing half of the store is left out: nothing that runs here can change the file.
        return await verify_store(settings, keys, exported, cast(RecordStore, reads), resume=resume)
    finally:
        reads.close_reads()


async def verify_store(
    settings: Settings, keys: FileKeyRing, exported: Exported, store: RecordStore, *, resume: bool = False
) -> bool:
    """Verify a store and print what came of it; return whether nothing is wrong."""
    begun, progress, tenant = time.monotonic(), _Progress(), settings.tenant
    verification = Verification(
        store,
        Records(store, Envelope(keys, tenant, cached_keys=0), Heads(keys.head, tenant), BlindIndex(keys.index, tenant)),
        AuditSealer(keys.audit_seal, tenant),
        keys.audit_chain,
        signing_key(keys.audit_signing_pem).public_key(),
        tenant,
        exported,
        ResumeFile(settings.home / "verify.state", hashlib.sha256(f"{tenant}\n{settings.store}".encode()).hexdigest()),
        progress,
    )
    findings = await verification.run(resume=resume)
    click.echo(
        f"Checked {verification.kept.records:,} records and {verification.entries:,} audit entries of "
        f"{verification.chains:,} chains in {time.monotonic() - begun:.1f} s."
    )
    seconds, processor = progress.of_records()
    if verification.checked and seconds and processor:
        click.echo(
            f"Records: {verification.checked / seconds:,.0f} a second, "
            f"{verification.checked / processor:,.0f} for each second of processor time."
        )
    _say_epochs(verification)
    _say_heads(exported)
    if findings:
        click.echo("\n".join(["", *table(findings)]))
        click.echo(f"\n{len(findings)} thing(s) are wrong.", err=True)
    else:
        click.echo("Nothing is wrong.")
    return not findings


def exported_of(settings: Settings, keys: FileKeyRing, heads: Path | None = None) -> Exported:
    """Read the heads that were exported: those of a file that was kept elsewhere, or this home's own."""
    path = heads or settings.heads_file
    if not path.exists():
        return Exported()
    try:
        return read_exported(path, signing_key(keys.audit_signing_pem).public_key(), settings.tenant)
    except OSError:
        fail(f"{path}: cannot be read.")


def _say_epochs(verification: Verification) -> None:
    for epoch in verification.epochs:
        of = f"a backup of {instant(epoch.backup_made)}" if epoch.backup_made else "a backup of the database's own"
        click.echo(f"Epoch {epoch.number} began {instant(epoch.began)} with a restore from {of}.")
    if verification.left_behind:
        click.echo(f"Restores left behind {verification.left_behind:,} audit entries that exported heads know of.")


def _say_heads(exported: Exported) -> None:
    if exported.newest is None:
        click.echo("No exported heads: an audit that was cut back, or a whole older database, would not show.")
        return
    click.echo(
        f"Exported heads: {exported.batches:,} batches, the newest of {instant(exported.newest)}. "
        "What was cut off later than that would not show."
    )


class _Progress:
    """Says on standard error how far it is, every two seconds."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._begun = self._last = (self._told, time.process_time())

    def __call__(self, what: str, done: int, part: float) -> None:
        self._last = (time.monotonic(), time.process_time())
        if what == "audit":
            self._begun = self._last
        if self._last[0] - self._told >= _TOLD_EVERY_SECONDS:
            self._told = self._last[0]
            share = f" ({part:.0%})" if what == "records" else ""
            click.echo(f"{what}: {done:,}{share}", err=True)

    def of_records(self) -> tuple[float, float]:
        """Return the seconds that the records took, and those of processor time."""
        return self._last[0] - self._begun[0], self._last[1] - self._begun[1]
