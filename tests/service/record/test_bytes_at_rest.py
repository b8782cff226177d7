"""What a plan and its history take: no more than a third above the JSON of all its versions, on every store."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_profiles import json
from service.store.document_store import DocumentStore
from tests.contracts.collections import Collections
from tests.contracts.memory_documents import MemoryDocuments
from tests.contracts.stores import new_chain
from tests.service.record.house import House, house, person, update

UPDATES = 5
APART = {"audit", "tokens", "known", "claims", "spent", "remembered", "leases", "counters", "meta"}
"""Audit and look-up tokens are counted by themselves, and what belongs to no record."""


async def written(opened: House) -> int:
    """Record a plan of 25 resources, update one of them five times; return the bytes of all versions as JSON."""
    bundles = [person(number)[1] for number in range(900, 990)]
    bundle = min(bundles, key=lambda one: abs(len(one["entry"]) - 25))
    references = await opened.post(bundle)
    versions = [await opened.read(reference) for reference in references]
    changed = next(one for one in references if one.startswith("Observation/"))
    resource = await opened.read(changed)
    for number in range(UPDATES):
        resource = {**resource, "note": [{"text": f"Talked about again, for the time number {number + 2}."}]}
        await opened.write(update(changed, number + 1, resource))
        versions.append(await opened.read(changed))
    return sum(len(json.encode(version)) for version in versions)


def in_the_file(opened: House) -> dict[str, int]:
    """Return the bytes in each table of the SQLite file."""
    found: dict[str, int] = {}

    def count(connection: object) -> None:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")  # type: ignore[attr-defined]
        for (name,) in rows.fetchall():
            cells = connection.execute(f"SELECT * FROM {name}").fetchall()  # type: ignore[attr-defined]
            found[name] = sum(len(cell) if isinstance(cell, bytes | str) else 8 for row in cells for cell in row)

    opened.tamper(count)
    return found


def size(value: object) -> int:
    """Return the bytes of a document's field, near enough."""
    if isinstance(value, dict):
        return sum(len(name) + 2 + size(item) for name, item in value.items())
    if isinstance(value, list):
        return sum(2 + size(item) for item in value)
    return len(value) + 5 if isinstance(value, bytes | str) else 8


@pytest.mark.parametrize("store", ["sqlite", "documents"])
async def test_a_plan_with_history_takes_little_more_than_its_json(tmp_path: Path, store: str) -> None:
    async with house(tmp_path / "home", tmp_path / "records.sqlite") as opened:
        if store == "sqlite":
            plain = await written(opened)
            stored = in_the_file(opened)
        else:
            collections: Collections = {}
            documents = DocumentStore(MemoryDocuments(collections), new_chain, opened.opened.clock)
            plain = await written(opened.on(documents))
            stored = {name: sum(map(size, there.values())) for name, there in collections.items()}
            await documents.close()
    counted = sum(size for name, size in stored.items() if name not in APART)
    assert counted <= 1.3 * plain, f"{plain} bytes of JSON, at rest {counted}: {stored}"
