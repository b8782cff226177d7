"""What the collections of a document store mean, in the tables of the port: what commits made, and nothing else.

A holder or a token that was given up, a key or a piece whose commit never came, and the commits themselves are left
out: no reader can tell whether they are there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from security.audit_chain import Linked
from service.store.documents import Document

Tables = dict[str, list[tuple[Any, ...]]]
Collections = dict[str, dict[str, Document]]
EXPIRING = ("spent", "kept", "remembered", "counters", "deliveries")


def meaning(collections: Collections) -> Tables:
    """Return every table with its rows in a stable order."""
    records = _of(collections, "records")
    known_records = {document["_id"] for document in records}
    tables = {
        "records": [(document["_id"], document["sequence"], document["sealed"]) for document in records],
        "heads": [(document["_id"], *document["head"]) for document in records],
        "keys": [
            (one["_id"], one["dek_id"], one["blob"]) for one in _of(collections, "keys") if one["_id"] in known_records
        ],
        "versions": [
            (one["_id"], one.get("replaced")) for one in _of(collections, "versions") if one["_id"].count(":") == 1
        ],
        "pieces": [
            (one["_id"], one["sealed"])
            for one in _of(collections, "pieces")
            if one["_id"].split(":")[0] in known_records
        ],
        "claims": _names(collections, "claims", lambda one: bool(one.get("confirmed"))),
        "tokens": _names(collections, "tokens", lambda one: True),
        "known": [(one["_id"],) for one in _of(collections, "known")],
        "audit": [(one["chain"], one["seq"], one["mac"], one["sealed"]) for one in _of(collections, "audit")],
        "deliveries": [
            (one["_id"], one["lane"], one["sealed"]) for one in _of(collections, "deliveries") if "done" not in one
        ],
        "leases": [(one["_id"], one["holder"]) for one in _of(collections, "leases")],
        "epochs": [(one["_id"], one["statement"]) for one in _of(collections, "epochs")],
        "counters": [(one["_id"],) for one in _of(collections, "counters")],
        "spent": [(bytes.fromhex(one["_id"]), one["expires"]) for one in _of(collections, "spent")],
        "remembered": [(bytes.fromhex(one["_id"]), one["answer"]) for one in _of(collections, "kept")]
        + [
            (bytes.fromhex(one["_id"].split(":")[0]), one["answer"])
            for one in _of(collections, "remembered")
            if one.get("confirmed") and not one.get("ended")
        ],
    }
    return {name: sorted(rows) for name, rows in tables.items()}


def chains_in(collections: Collections) -> dict[bytes, list[Linked]]:
    """Return the filed audit entries by chain, in order."""
    found: dict[bytes, list[Linked]] = {}
    for one in sorted(_of(collections, "audit"), key=lambda one: one["seq"]):
        found.setdefault(one["chain"], []).append(Linked(one["seq"], one["mac"], one["sealed"]))
    return found


def expire(collections: Collections, now: datetime) -> None:
    """Forget documents whose time has passed, as MongoDB's TTL indexes do."""
    for name in EXPIRING:
        there = collections.get(name, {})
        for id in [id for id, document in there.items() if document.get("expires", now) < now]:
            del there[id]


def _names(collections: Collections, name: str, meant: Any) -> list[tuple[Any, ...]]:
    return [
        (one["_id"].split(":")[0], one["record"])
        for one in _of(collections, name)
        if meant(one) and not one.get("ended")
    ]


def _of(collections: Collections, name: str) -> list[Document]:
    return list(collections.get(name, {}).values())
