"""The requests to remove copies, on one sealed page: who was asked, by when they should confirm, and who did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from service.record.copies import Removal
from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records

_PAGE = "removals"
MOST = 5_000
"""Requests that are open at a time; what is beyond them is told to the officers at once."""
KEPT = timedelta(days=30)
"""How long a confirmed request is still shown."""


class RemovalRequest(msgspec.Struct, array_like=True, frozen=True):
    """One organisation asked to remove what it was given of one person. Times are FHIR instants, '' for not yet.

    `partner` is '' where no system of theirs can be asked. `holder` is the organisation that holds the record, `record`
    its id in hexadecimal. `told`: its privacy officers were told that it is not confirmed.
    The order of fields is the stored form: append only, with a default.
    """

    record: str
    holder: str
    organisation: str
    partner: str
    asked: str
    deadline: str
    confirmed: str = ""
    told: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[RemovalRequest]).decode


@dataclass(frozen=True, slots=True)
class RemovalRequests:
    """Reads and changes the page."""

    pages: Pages = field(repr=False)

    @classmethod
    def at(cls, records: Records) -> RemovalRequests:
        """Return those of a service."""
        return cls(Pages(records, RecordKind.SYNC))

    async def all(self) -> list[RemovalRequest]:
        """Return the requests that are open, or were confirmed not long ago."""
        content = await self.pages.read(_PAGE)
        return _decode(content) if content else []

    async def of(self, record: OpenRecord) -> dict[str, Removal]:
        """Return, by organisation, how requests about one record stand: the latest of each."""
        ours = [one for one in await self.all() if one.record == record.record_id.hex()]
        return {one.organisation: Removal(one.asked, one.deadline, one.confirmed) for one in ours}

    async def change(self, edit: Callable[[list[RemovalRequest]], list[RemovalRequest]]) -> None:
        """Change the list; nothing is written where nothing is another."""

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            known = _decode(content) if content else []
            fresh = edit(known)
            return Edited(_encode(fresh)) if fresh != known else None

        await self.pages.change(_PAGE, edited)
