"""From one commit to the Subscriptions that it concerns: a delivery for each, committed together, once.

That a commit was fanned out stands on a page of the person's, which is committed with the deliveries: done again after
a crash it makes none. Consent is not asked here: what is told is decided when it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records
from service.sync.due import SUBSCRIPTIONS, Due, Dues, name_of_subscription
from service.sync.subscribed import Kept


@dataclass(frozen=True, slots=True)
class FanOut:
    """Does it, for one commit at a time."""

    records: Records
    pages: Pages = field(repr=False)
    dues: Dues

    @classmethod
    def of(cls, records: Records, dues: Dues) -> FanOut:
        """Return that of a service."""
        return cls(records, Pages(records, RecordKind.SYNC), dues)

    async def __call__(self, due: Due, live: Iterable[Kept]) -> None:
        """Commit a delivery for each live Subscription that the commit concerns. Repeating it changes nothing."""
        of_type = [kept for kept in live if kept.wish.criteria.fits(due.changed)]
        stored = await self.records.store.fetch(due.record) if of_type else None
        if stored is None:
            return
        record = await self.records.open(stored)
        concerned = [kept for kept in of_type if kept.concerns(record)]
        if not concerned:
            return

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            if content and msgspec.msgpack.decode(content, type=int) >= due.sequence:
                return None
            return Edited(
                msgspec.msgpack.encode(due.sequence),
                deliveries=tuple(
                    self.dues.delivery(msgspec.structs.replace(due, partner=name_of_subscription(kept.id)))
                    for kept in concerned
                ),
            )

        await self.pages.change(f"fanned.{self.dues.lane(SUBSCRIPTIONS, due.record).hex()}", edited)
