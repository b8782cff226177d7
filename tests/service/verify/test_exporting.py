"""Heads leave the database signed, each line after the one before it, by one process at a time; lines are judged."""

from __future__ import annotations

import json
import socket
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from security.audit_batch import Batch, leaf_of, merkle_root
from service.store.errors import StoreUnavailable
from service.store.port import SealedEntry
from service.verify.export import MOST_HEADS, HeadsExporter
from service.verify.exported import HeadsLine, decode_line, encode_line
from service.verify.findings import Finding
from service.verify.outside import Outside
from tests.contracts.stores import SqliteHarness
from tests.service.verify.conftest import NOW, Past, Verifier


class Clock:
    """Time that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def read_batch(line: bytes) -> Batch:
    read = decode_line(line)
    assert isinstance(read, HeadsLine)
    return read.batch()


def batches(path: Path) -> list[Batch]:
    return [read_batch(line) for line in path.read_bytes().splitlines()]


async def test_a_batch_names_what_moved_and_stands_for_every_chain(verifier: Verifier, past: Past) -> None:
    store, exporter = verifier.house.opened.store, verifier.exporter()
    assert await exporter.export() == 1
    assert await exporter.export() == 1
    await store.append_audit(SealedEntry(b"one more"))
    assert await exporter.export() == 1
    first, second, third = batches(verifier.heads_file)
    assert list(third.heads) == await store.chain_heads()
    assert (first.entries, second.heads, third.entries) == (9, (), 10)
    assert third.root == merkle_root([leaf_of(head) for head in third.heads]) != first.root
    assert verifier.heads_file.stat().st_mode & 0o077 == 0
    exported = verifier.read(verifier.heads_file)
    assert (exported.batches, exported.newest, exported.findings) == (3, NOW, [])
    (marks,) = exported.heads.values()
    assert [mark.seq for mark in marks] == [9, 10]


async def test_many_chains_go_out_in_lines_that_a_datagram_holds(
    verifier: Verifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = SqliteHarness(tmp_path / "many", monkeypatch)
    for number in range(MOST_HEADS + 3):
        opened = await harness.open()
        await opened.append_audit(SealedEntry(b"%d" % number))
        await opened.close()
    store = await harness.open()
    assert await verifier.exporter(store).export() == 2
    await store.close()
    assert [len(batch.heads) for batch in batches(verifier.heads_file)] == [MOST_HEADS, 3]
    assert max(map(len, verifier.heads_file.read_bytes().splitlines())) < 8192
    exported = verifier.read(verifier.heads_file)
    assert exported.findings == []
    assert len(exported.heads) == MOST_HEADS + 3


async def test_one_process_exports_and_another_takes_over(verifier: Verifier, past: Past) -> None:
    clock = Clock()
    verifier.house.opened.store._clock = clock  # type: ignore[attr-defined]
    one, other = verifier.exporter(clock=clock), verifier.exporter(clock=clock)
    assert (await one.export(), await other.export()) == (1, 0)
    clock.now += timedelta(minutes=5)
    assert (await one.export(), await other.export()) == (1, 0)
    await one.finish()
    assert await other.export() == 1
    clock.now += timedelta(minutes=5, seconds=31)  # the holder died: its lease runs out
    assert await one.export() == 1
    assert verifier.read(verifier.heads_file).findings == []


async def test_a_store_or_disk_that_fails_is_logged_and_not_the_end(
    verifier: Verifier, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("service.verify.export.logs.event", lambda name, *rest, **fields: said.append(name))

    async def broken(self: HeadsExporter) -> int:
        raise StoreUnavailable("no answer")

    exporter = verifier.exporter()
    with monkeypatch.context() as patched:
        patched.setattr(HeadsExporter, "export", broken)
        await exporter.finish()
    verifier.heads_file.mkdir()
    await exporter.finish()
    assert said == ["heads-not-exported", "heads-not-exported"]


async def test_lines_go_to_syslog_as_they_stand_in_the_file(verifier: Verifier, past: Past) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(10)
        exporter = verifier.exporter()
        address = f"udp://127.0.0.1:{collector.getsockname()[1]}"
        exporter.outside = Outside(verifier.heads_file, address)
        await exporter.export()
        received = collector.recv(65536)
    assert received.startswith(b"<38>epaccs-heads: {")
    collected = verifier.folder / "collected.log"
    collected.write_bytes(b"Mar  2 09:00:00 host " + received + b"\n")
    exported = verifier.read(collected)
    assert (exported.batches, exported.findings) == (1, [])
    assert exported.heads == verifier.read(verifier.heads_file).heads


async def test_lines_that_are_missing_forged_or_foreign_are_named_and_not_believed(
    verifier: Verifier, past: Past
) -> None:
    exporter = verifier.exporter()
    for number in range(4):
        await verifier.house.opened.store.append_audit(SealedEntry(b"%d" % number))
        await exporter.export()
    lines = verifier.heads_file.read_bytes().splitlines()
    altered = json.loads(lines[2])
    altered["heads"][0][1] = 999
    other = verifier.exporter()
    other.tenant, other.outside = "elsewhere", Outside(verifier.folder / "foreign.jsonl", "")
    await exporter.finish()
    await other.export()
    foreign = other.outside.file.read_bytes().strip()
    verifier.heads_file.write_bytes(
        b"\n".join([lines[0], b"", lines[2], json.dumps(altered).encode(), b"torn {", lines[3], foreign])
    )
    exported = verifier.read(verifier.heads_file)
    assert [(one.place, one.what) for one in exported.findings] == [
        ("line 3", "the batch before this one is missing"),
        ("line 4", "is not signed with the key of this deployment"),
        ("line 5", "is not a batch of heads"),
        ("line 7", "is of another deployment"),
    ]
    ((marks),) = exported.heads.values()
    assert [mark.seq for mark in marks] == [10, 12, 13]
    assert Finding("exported heads", place="line 3", what="the batch before this one is missing") in (
        await verifier.findings(verifier.heads_file)
    )


async def test_a_line_that_a_crash_cut_short_spoils_no_other(verifier: Verifier, past: Past) -> None:
    await verifier.exporter().export()
    whole = verifier.heads_file.read_bytes()
    verifier.heads_file.write_bytes(whole + whole[:50])
    exporter = verifier.exporter()
    exporter._holder = b"another"
    verifier.house.opened.store._clock = lambda: NOW + timedelta(hours=1)  # type: ignore[attr-defined]
    assert await exporter.export() == 1
    exported = verifier.read(verifier.heads_file)
    assert exported.batches == 2
    assert [one.place for one in exported.findings] == ["line 2"]


async def test_a_line_reads_back_as_it_was_written(verifier: Verifier, past: Past) -> None:
    await verifier.exporter().export()
    line = verifier.heads_file.read_bytes().strip()
    assert encode_line(decode_line(line)) == line
