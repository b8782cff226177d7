"""Small lists that belong to no plan, each in a sealed record of its own: an organisation's alerts, a person's notices.

A page is found by the one name it claims and is changed by compare-and-set, so that two processes which add the same
thing at once add it once. What a page holds is bytes to this file. No page is about anybody in the eyes of a reader of
the database: it is a record like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from service.record.errors import TooBusy
from service.record.locks import KeyedLocks
from service.record.manifest import RecordKind, empty_manifest
from service.record.records import NewState, OpenRecord, Records
from service.store.errors import ClaimTaken, SequenceTaken
from service.store.port import Delivery, SealedEntry

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Edited:
    """What a page shall hold, and what is durable together with it."""

    content: bytes
    audit: tuple[SealedEntry, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


Edit = Callable[[OpenRecord, bytes], Edited | None]
"""Says what becomes of a page, from the page as it is opened in this try; None leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one kind."""

    records: Records
    kind: RecordKind
    locks: KeyedLocks = field(default_factory=KeyedLocks)

    async def read(self, name: str) -> bytes | None:
        """Return what a page holds, None when there is no such page."""
        page = await self.records.by_claim(self.kind, name)
        return None if page is None else bytes(page.slices)

    async def change(self, name: str, edit: Edit) -> None:
        """Change a page, or make it. Raise TooBusy when it kept changing under every try."""
        async with self.locks.hold(name):
            for _ in range(_TRIES):
                page = await self.records.by_claim(self.kind, name)
                if page is None:
                    manifest = empty_manifest(self.kind, holder="")
                    manifest.claims = [(self.kind, name)]
                    page = await self.records.new(manifest)
                edited = edit(page, bytes(page.slices))
                if edited is None:
                    return
                try:
                    await self.records.commit(
                        page,
                        NewState(page.manifest, slices=edited.content),
                        audit=edited.audit,
                        deliveries=edited.deliveries,
                    )
                except (ClaimTaken, SequenceTaken):
                    continue
                return
        raise TooBusy
