"""Numbered documents under one name: `<name>:1`, `<name>:2` and on. Whoever inserts a number has it; nobody else can.

Everything that may have one winner is such a series: the commits of a record, the holders of a unique token one after
the other, the turns of a lease, the ticks of a counter. A series has no gaps, so its end is found by asking.
"""

from __future__ import annotations

from service.store.documents import Document, Documents


def numbered(name: str, number: int) -> str:
    """Return the `_id` of a member of a series."""
    return f"{name}:{number}"


async def last(documents: Documents, collection: str, name: str, start: int = 0) -> tuple[int, Document | None]:
    """Return the last number of a series and its document; 0 and None for one that has not begun.

    `start` is a number known to be there, or 0. Asks twice per doubling of the distance from there to the end.
    """
    there, found, step = start, None, 1
    while (document := await documents.find(collection, numbered(name, there + step))) is not None:
        there, found, step = there + step, document, step * 2
    beyond = there + step
    while beyond - there > 1:
        middle = (there + beyond) // 2
        document = await documents.find(collection, numbered(name, middle))
        if document is None:
            beyond = middle
        else:
            there, found = middle, document
    if found is None and there:
        found = await documents.find(collection, numbered(name, there))
    return there, found
