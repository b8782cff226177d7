"""Plans of the demo's cast, as released for somebody to whom all of them is open."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec

from service.people.demo import demo_people
from service.plan.narrative import with_narrative
from tests.web.test_view import NOW

Json = dict[str, Any]
NAMES = tuple(one.name.split()[0] for one in demo_people(NOW))


def unchanged(resources: list[Json]) -> None:
    """Leave a plan as it is."""


def plan(name: str, change: Callable[[list[Json]], None] = unchanged) -> list[Json]:
    """Return the resources of one of the cast, with ids, times and generated narratives."""
    found = next(one for one in demo_people(NOW) if one.name.startswith(name))
    entries = copy.deepcopy(found.bundle["entry"])
    change([entry["resource"] for entry in entries])
    text = msgspec.json.encode(entries).decode()
    for number, entry in enumerate(entries):
        text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/{number}")
    meta = {"versionId": "1", "lastUpdated": "2026-11-20T10:00:00.000Z"}
    return [
        with_narrative({**entry["resource"], "id": str(number), "meta": meta})
        for number, entry in enumerate(msgspec.json.decode(text))
    ]


__all__ = ["NAMES", "NOW", "plan"]
