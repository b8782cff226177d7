"""A verification that stops goes on, one beside a busy service reports nothing false, on both kinds of store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from service.store.document_store import DocumentStore
from service.store.errors import StoreUnavailable
from service.store.walk import FoundRecord
from service.verify.findings import Finding
from service.wiring import new_chain
from tests.contracts.memory_documents import Collections, MemoryDocuments
from tests.service.record.house import House, create, delete, note, patient, update
from tests.service.verify.conftest import NOW, Past, Verifier, lived, rows


async def test_a_stopped_run_goes_on_where_it_was(
    verifier: Verifier, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.page = 1
    store = verifier.house.opened.store
    ids = [row[0] for row in rows(verifier.house.path, "SELECT record_id FROM records ORDER BY record_id")]
    of_one = "number = (SELECT number FROM records WHERE record_id = ?)"
    verifier.house.tamper(lambda c: c.execute(f"DELETE FROM heads WHERE {of_one}", (ids[0],)))
    behind, pages = store.records_behind, 0

    async def stops(record_id: bytes, limit: int) -> list[FoundRecord]:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise StoreUnavailable("pulled out")
        return await behind(record_id, limit)

    monkeypatch.setattr(store, "records_behind", stops)
    with pytest.raises(StoreUnavailable):
        await verifier.findings()
    verification = verifier.of(store)
    findings = await verification.run(resume=True)
    assert findings == [Finding("heads", ids[0].hex(), findings[0].sequence, what="the record has no head")]
    assert (verification.checked, verification.kept.records) == (1, 3)
    assert not verification.resume.path.exists()
    again = verifier.of(store)
    assert await again.run(resume=True) == findings, "nothing to go on with: all of it"
    assert again.checked == 3


async def test_what_was_kept_of_another_database_is_not_gone_on_with(verifier: Verifier, past: Past) -> None:
    verification = verifier.of(verifier.house.opened.store)
    verification.resume.write(type(verification.kept)("another database", b"\xff" * 16, 99))
    assert await verification.run(resume=True) == []
    assert verification.checked == 3
    verification.resume.path.write_bytes(b"not ours")
    assert await verifier.of(verifier.house.opened.store).run(resume=True) == []


async def change_all_the_time(house: House, past: Past, stop: asyncio.Event) -> int:
    """Update, create, delete and read one record, and make others, until told to stop."""
    commits = 0
    version = 3
    while not stop.is_set() or commits < 40:
        await house.write(update(past.note, version, note(past.subject, f"{version}")))
        version += 1
        (made,) = await house.write(create(note(past.subject, "more")))
        await house.write(delete(made.reference, 1))
        await house.emergency(past.number)
        await house.write(create(patient(720 + commits)[1]))
        commits += 4
    return commits


async def test_beside_a_service_that_writes_nothing_false_is_reported(verifier: Verifier, past: Past) -> None:
    verifier.page = 1
    exporter, stop = verifier.exporter(), asyncio.Event()
    writing = asyncio.create_task(change_all_the_time(verifier.house, past, stop))
    for _ in range(6):
        await exporter.export()
        assert await verifier.findings(verifier.heads_file) == []
    stop.set()
    assert await writing >= 40
    assert await verifier.findings(verifier.heads_file) == []


# --- records in documents


@pytest.fixture
def collections() -> Collections:
    return {}


@pytest.fixture
async def documents(verifier: Verifier, collections: Collections) -> AsyncIterator[Verifier]:
    """The same house, its records in a document database in memory."""
    opened = verifier.house.opened

    def clock() -> datetime:
        return NOW

    store = DocumentStore(MemoryDocuments(collections), lambda: new_chain(opened.keys), clock)
    yield Verifier(verifier.house.on(store), verifier.folder)
    await store.close()


async def test_documents_that_nobody_touched_have_nothing_wrong(documents: Verifier) -> None:
    past = await lived(documents.house)
    documents.page, stop = 1, asyncio.Event()
    writing = asyncio.create_task(change_all_the_time(documents.house, past, stop))
    await documents.exporter().export()
    assert await documents.findings(documents.heads_file) == []
    stop.set()
    await writing
    assert await documents.findings(documents.heads_file) == []


async def test_attacks_on_documents_are_named(documents: Verifier, collections: Collections) -> None:
    past = await lived(documents.house)
    one, other = past.one.hex(), past.other.hex()
    records, versions = collections["records"], collections["versions"]
    records[one]["sealed"], records[other]["sealed"] = records[other]["sealed"], records[one]["sealed"]
    what = "is not what its head names"
    assert await documents.findings() == sorted(
        [Finding("records", one, 4, what=what), Finding("records", other, 2, what=what)]
    )
    records[one]["sealed"], records[other]["sealed"] = records[other]["sealed"], records[one]["sealed"]
    kept = versions.pop(f"{one}:3")
    assert await documents.findings() == [Finding("versions", one, 3, what="is missing")]
    versions[f"{one}:3"] = kept
    key = collections["keys"].pop(one)
    assert await documents.findings() == [Finding("keys", one, 4, what="the record has no key")]
    collections["keys"][one] = key
    assert await documents.findings() == []


async def test_documents_put_back_with_their_commits_are_shown_by_the_audit(
    documents: Verifier, collections: Collections
) -> None:
    past = await lived(documents.house)
    record = past.one.hex()
    older = dict(collections["records"][record])
    await documents.house.write(update(past.note, 3, note(past.subject, "newer")))
    collections["records"][record] = older
    assert await documents.findings() == [], "a copy that is only behind is brought forward"
    collections["records"][record] = older
    del collections["commits"][f"{record}:5"]
    assert await documents.findings() == [
        Finding("records", record, 4, what="was put back: the audit knows sequence 5")
    ]


async def test_the_audit_in_documents_cut_off_and_changed(documents: Verifier, collections: Collections) -> None:
    await lived(documents.house)
    await documents.exporter().export()
    entries = sorted(collections["audit"].values(), key=lambda entry: int(entry["seq"]))
    chain = entries[0]["chain"].hex()
    del collections["audit"][entries[-1]["_id"]]
    assert await documents.findings() == []
    ended = Finding("audit", chain=chain, place="9", what="the chain ends before a head that was exported")
    assert await documents.findings(documents.heads_file) == [ended]
    entries[2]["sealed"] = bytes(len(entries[2]["sealed"]))
    entries[5]["seq"] = 5
    findings = await documents.findings()
    assert [(one.place, one.what) for one in findings] == [
        ("3", "is not what was filed in this place"),
        ("5", "another entry has this place"),
        ("6", "entries are missing"),
    ]
