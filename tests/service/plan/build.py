"""Small builders: decisions as the ordering sees them, and stored resources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from service.plan.decisions import DecisionItem, DecisionKind
from service.plan.times import span_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def item(name: str, value: str | None = "no", when: str | None = "2026-06-01T10:00:00Z", **rest: Any) -> DecisionItem:
    """Return a CPR decision `Observation/<name>`, by an author and organisation of its own unless stated."""
    for key in ("replaces", "revokes", "conflicts_with"):
        if key in rest:
            rest[key] = tuple(f"Observation/{other}" for other in rest[key].split())
    defaults: dict[str, Any] = {"kind": DecisionKind.CPR, "author": f"author {name}", "organisation": f"org {name}"}
    return DecisionItem(f"Observation/{name}", value=value, effective=span_of(when), **{**defaults, **rest})


def stored(bundle: dict[str, Any], recorded: str = "2026-11-23T08:00:00.000Z") -> list[dict[str, Any]]:
    """Return a Bundle's resources as they are once stored: with ids, meta, and references to one another."""
    ids = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{number}"
        for number, entry in enumerate(bundle["entry"], 1)
    }
    text = msgspec.json.encode([entry["resource"] for entry in bundle["entry"]]).decode()
    for urn, reference in ids.items():
        text = text.replace(urn, reference)
    resources: list[dict[str, Any]] = msgspec.json.decode(text)
    for reference, resource in zip(ids.values(), resources, strict=True):
        resource["id"] = reference.partition("/")[2]
        resource["meta"] = {"versionId": "1", "lastUpdated": recorded, "source": "https://gp.example.org"}
    return resources
