"""`epaccs verify`: everything that is stored against the keys, against itself, and against heads kept elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
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
from service.app import open_store
from service.cli.common import fail, plain_errors, read_settings
from service.cli.server import settle_memory
from service.record.records import Records
from service.settings import Settings
from service.store.port import RecordStore
from service.store.sqlite_reads import SqliteReads
from service.verify.exported import Exported, read_exported
from service.verify.findings import Finding, table
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
    exported = _exported(settings, keys, heads)
    settle_memory()
    begun = time.monotonic()
    verification, findings, progress = asyncio.run(_verify(settings, keys, exported, resume))
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
    _say_heads(exported)
    if findings:
        click.echo("")
        for line in table(findings):
            click.echo(line)
        fail("", f"{len(findings)} thing(s) are wrong.")
    click.echo("Nothing is wrong.")


async def _verify(
    settings: Settings, keys: FileKeyRing, exported: Exported, resume: bool
) -> tuple[Verification, list[Finding], _Progress]:
    """Run; return the verification, what is wrong, and how long it took."""
    clock = clock_of(settings)
    opened: RecordStore | None = None
    if settings.store.startswith("sqlite"):
        path = database_file(settings)
        if not path.exists():
            fail(f"{path}: there is no database.")
        reads = SqliteReads(path, clock)
        # The writing half of the store is left out: nothing that runs here can change the file.
        walk = cast(RecordStore, reads)
        close: Callable[[], None] = reads.close_reads
    else:
        walk = opened = await open_store(settings, keys, clock)
        close = _nothing
    envelope = Envelope(keys, settings.tenant, cached_keys=0)
    records = Records(walk, envelope, Heads(keys.head, settings.tenant), BlindIndex(keys.index, settings.tenant))
    resume_file = ResumeFile(
        settings.home / "verify.state", hashlib.sha256(f"{settings.tenant}\n{settings.store}".encode()).hexdigest()
    )
    progress = _Progress()
    sealer = AuditSealer(keys.audit_seal, settings.tenant)
    verification = Verification(walk, records, sealer, keys.audit_chain, exported, resume_file, progress)
    try:
        findings = await verification.run(resume=resume)
    finally:
        close()
        if opened is not None:
            await opened.close()
    return verification, findings, progress


def _nothing() -> None:
    """Close nothing: the store is closed by itself."""


def _exported(settings: Settings, keys: FileKeyRing, heads: Path | None) -> Exported:
    path = heads or settings.heads_file
    if not path.exists():
        return Exported()
    try:
        return read_exported(path, signing_key(keys.audit_signing_pem).public_key(), settings.tenant)
    except OSError:
        fail(f"{path}: cannot be read.")


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
