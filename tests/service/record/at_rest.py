"""What a plan and its history take in a store: one plan created and updated, and the bytes of each table after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fhir_profiles import json
from service.store.document_store import DocumentStore
from tests.contracts.collections import Collections
from tests.contracts.memory_documents import MemoryDocuments
from tests.contracts.stores import new_chain
from tests.service.record.house import House, house, person, update

STORES = ("sqlite", "documents")
UPDATES = 5
_RESOURCES = 25
_PARTS = {"audit": ("audit",), "tokens": ("tokens", "known", "claims")}
"""Counted by themselves: the audit, and look-up tokens."""
_NOBODYS = {"spent", "remembered", "leases", "counters", "meta"}
"""Belongs to no record."""


@dataclass(frozen=True, slots=True)
class AtRest:
    """Bytes: of all versions as JSON, and in each table or collection of the store."""

    json: int
    tables: dict[str, int]

    @property
    def counted(self) -> int:
        """What the plan and its history take: all but audit, look-up tokens, and what belongs to no record."""
        others = _NOBODYS.union(*_PARTS.values())
        return sum(size for name, size in self.tables.items() if name not in others)

    def apart(self, part: str) -> int:
        """What `audit` or `tokens` take."""
        return sum(self.tables.get(name, 0) for name in _PARTS[part])


async def at_rest(folder: Path, store: str) -> AtRest:
    """Write the plan to a store of a kind, in an empty folder, and count."""
    async with house(folder / "home", folder / "records.sqlite") as opened:
        if store == "sqlite":
            return AtRest(await _written(opened), _in_the_file(opened))
        collections: Collections = {}
        documents = DocumentStore(MemoryDocuments(collections), new_chain, opened.opened.clock)
        plain = await _written(opened.on(documents))
        await documents.close()
        return AtRest(plain, {name: sum(map(_size, there.values())) for name, there in collections.items()})


async def _written(opened: House) -> int:
    """Record a plan of 25 resources, update one of them five times; return the bytes of all versions as JSON."""
    bundles = [person(number)[1] for number in range(900, 990)]
    bundle = min(bundles, key=lambda one: abs(len(one["entry"]) - _RESOURCES))
    references = await opened.post(bundle)
    versions = [await opened.read(reference) for reference in references]
    changed = next(one for one in references if one.startswith("Observation/"))
    resource = await opened.read(changed)
    for number in range(UPDATES):
        resource = {**resource, "note": [{"text": f"Talked about again, for the time number {number + 2}."}]}
        await opened.write(update(changed, number + 1, resource))
        versions.append(await opened.read(changed))
    return sum(len(json.encode(version)) for version in versions)


def _in_the_file(opened: House) -> dict[str, int]:
    """Return the bytes in each table of the SQLite file."""
    found: dict[str, int] = {}

    def count(connection: object) -> None:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")  # type: ignore[attr-defined]
        for (name,) in rows.fetchall():
            cells = connection.execute(f"SELECT * FROM {name}").fetchall()  # type: ignore[attr-defined]
            found[name] = sum(len(cell) if isinstance(cell, bytes | str) else 8 for row in cells for cell in row)

    opened.tamper(count)
    return found


def _size(value: object) -> int:
    """Return the bytes of a document's field, near enough."""
    if isinstance(value, dict):
        return sum(len(name) + 2 + _size(item) for name, item in value.items())
    if isinstance(value, list):
        return sum(2 + _size(item) for item in value)
    return len(value) + 5 if isinstance(value, bytes | str) else 8
