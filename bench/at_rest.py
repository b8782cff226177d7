"""What a plan with a history takes at rest, on every store, beside the JSON of all its versions."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bench.people import Say
from bench.runs import Measured
from bench.targets import Limit, Row
from tests.service.record.at_rest import STORES, UPDATES, AtRest, at_rest

_WORDS = {"sqlite": "SQLite", "documents": "MongoDB"}
assert set(_WORDS) == set(STORES)
assert UPDATES == 5


def measure(measured: Measured, say: Say) -> None:
    """Write one plan and its updates to each store, and count."""
    for store in STORES:
        with (
            measured.part(f"Bytes at rest, {_WORDS[store]}", say, counted_of(store)),
            tempfile.TemporaryDirectory() as folder,
        ):
            measured.rows += rows(store, asyncio.run(at_rest(Path(folder), store)))


def counted_of(store: str) -> Row:
    """Return what is promised of a store."""
    plan = "one create and five updates of a 25-resource plan"
    name = f"bytes at rest after {plan} / JSON of all those versions, {_WORDS[store]}"
    return Row(name, (), "x", Limit(1.3, 1.0, at_most=True))


def rows(store: str, found: AtRest) -> list[Row]:
    """Return what is judged of a store, and what is printed beside it."""
    words = _WORDS[store]
    return [
        counted_of(store).measured([found.counted / found.json]),
        *(Row(f"{part} of these, {words}", [found.apart(part)], "bytes", digits=0) for part in ("audit", "tokens")),
    ]
