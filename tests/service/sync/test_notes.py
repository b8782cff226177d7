"""Notes of adapters: written in one step or not at all, found again by another process, unreadable at rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.notes import NoteChanged, Notes, NotesInMemory
from service.sync.notes import NotePages
from tests.haystack import Haystack
from tests.service.record.house import house


def _files(folder: Path) -> list[Haystack]:
    return [Haystack.of(file.name, file.read_bytes()) for file in folder.iterdir()]


async def _holds(notes: Notes) -> None:
    assert await notes.held("k1") == b""
    await notes.write("k1", b"", b"about to send")
    with pytest.raises(NoteChanged):
        await notes.write("k1", b"", b"about to send, too")
    await notes.write("k2", b"", b"something else")
    await notes.write("k1", b"about to send", b"sent")
    assert dict(await notes.all()) == {"k1": b"sent", "k2": b"something else"}
    await notes.write("k1", b"sent", b"")
    assert dict(await notes.all()) == {"k2": b"something else"}


async def test_in_memory() -> None:
    await _holds(NotesInMemory())


async def test_in_the_store(keys_home: Path, tmp_path: Path) -> None:
    async with house(keys_home, tmp_path / "records.db") as opened:
        await _holds(NotePages.of(opened.records, "surgery"))
        other = NotePages.of(opened.records, "hospice")
        assert await other.all() == {}, "each partner has its own"
        results = await asyncio.gather(
            *(NotePages.of(opened.records, "surgery").write("k9", b"", b"heliotrope %d" % n) for n in range(4)),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in results) == ["NoneType", *["NoteChanged"] * 3]
        assert (await NotePages.of(opened.records, "surgery").held("k9")).startswith(b"heliotrope")
    kept = _files(tmp_path)
    assert kept
    assert all(one.find(["heliotrope", "something else"]) == [] for one in kept)
