"""Subscriptions as they are kept: one sealed page with all of them, which every process looks at every few seconds.

Whom a client asks about, where it wants to be told and with which headers is nobody else's to read: the page is sealed
like a record, and a look-up token says nothing of it. How many events each had lies on pages of their own, so that
telling changes a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec

from adapters import rest_hook
from adapters.subscription_notification import (
    FILTER_CRITERIA,
    HEARTBEAT_PERIOD,
    MAX_COUNT,
    PAYLOAD_CONTENT,
    SERVED_TOPICS,
    STATUS_OPERATION,
    SUBSCRIPTION_PROFILE,
    TIMEOUT,
    TOPIC,
    Content,
)
from fhir_profiles import json
from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records
from service.store.port import SealedEntry
from service.sync.criteria import Criteria, read_criteria

__all__ = [
    "FILTER_CRITERIA",
    "PAYLOAD_CONTENT",
    "SERVED_TOPICS",
    "STATUS_OPERATION",
    "SUBSCRIPTION_PROFILE",
    "TOPIC",
    "Kept",
    "KnownSubscriptions",
]

Json = dict[str, Any]

MOST = 1_000
"""Subscriptions of a deployment: they lie on one page, which has to stay within one document."""
MOST_OF_A_CLIENT = 20
MOST_EVENTS = 100
"""Events in one notification."""
SHORTEST_HEARTBEAT = 60
LONGEST_TIMEOUT = 30
ACTIVATED_AFTER = timedelta(seconds=12)
"""Until then every process knows of a new one, and tells of what it commits (`KnownSubscriptions`)."""
_PAGE = "subscriptions"
_READ_EVERY = 5.0
_STALE_AFTER = 10.0


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """One Subscription. Times are FHIR instants, '' for never.

    `scopes` are those of the token that asked for it. `resource` is what was sent, as JSON, without what is ours.
    `since` is when it was last asked to be active, `failing` since when its endpoint takes nothing. `greeted`: the
    handshake was taken. The order of fields is the stored form: append only, with a default.
    """

    id: str
    client: str
    organisation: str
    scopes: list[str]
    resource: bytes
    version: int
    updated: str
    status: str
    since: str
    error: str = ""
    failing: str = ""
    greeted: bool = False

    @property
    def reference(self) -> str:
        """`Subscription/id`."""
        return f"Subscription/{self.id}"

    @property
    def live(self) -> bool:
        """Whether it is told of changes, or waits to be."""
        return self.status in ("requested", "active", "error")

    @property
    def served(self) -> bool:
        """Whether notifications are sent, or tried, now."""
        return self.status == "active" or (self.status == "error" and self.greeted)

    @property
    def wish(self) -> Wish:
        """What the resource asks for."""
        return wish_of(self.resource)

    def concerns(self, record: OpenRecord) -> bool:
        """Say whether a person is one whom it is about, as far as that can be told without a decision."""
        manifest, person = record.manifest, self.wish.criteria.patient
        return manifest.patient == person if person else self.organisation in manifest.relations

    def document(self) -> Json:
        """Return it as its client reads it."""
        meta = {"versionId": str(self.version), "lastUpdated": self.updated}
        head = {"resourceType": "Subscription", "id": self.id, "meta": meta, "status": self.status}
        tail = {"error": self.error} if self.error else {}
        return {**head, **json.decode(self.resource), **tail}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a Subscription asks for, read. Seconds; 0 for none."""

    criteria: Criteria
    endpoint: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    content: Content
    heartbeat: int
    timeout: int
    most: int
    end: str


@lru_cache(maxsize=4 * MOST)
def wish_of(resource: bytes) -> Wish:
    """Read the JSON of a resource that was judged good; raise ValueError for what is not understood."""
    sent = json.decode(resource)
    channel = sent["channel"]
    filters = [one.get("valueString", "") for one in extensions(sent.get("_criteria"), FILTER_CRITERIA)]
    criteria = Criteria()
    if sent["criteria"] != TOPIC:
        criteria = read_criteria(sent["criteria"])
    elif filters:
        criteria = read_criteria(filters[0])
    content = Content.NONE
    if "payload" in channel:
        (said, *_) = [*extensions(channel.get("_payload"), PAYLOAD_CONTENT), {}]
        content = Content(said.get("valueCode", Content.ID_ONLY))
    return Wish(
        criteria,
        channel.get("endpoint", ""),
        rest_hook.headers_of(channel.get("header", ())),
        content,
        _number(channel, HEARTBEAT_PERIOD, "valueUnsignedInt", 0),
        min(_number(channel, TIMEOUT, "valueUnsignedInt", LONGEST_TIMEOUT) or LONGEST_TIMEOUT, LONGEST_TIMEOUT),
        min(_number(channel, MAX_COUNT, "valuePositiveInt", MOST_EVENTS), MOST_EVENTS),
        sent.get("end", ""),
    )


def extensions(element: Json | None, url: str) -> list[Json]:
    """Return the extensions of an element with a URL."""
    return [one for one in (element or {}).get("extension", ()) if one.get("url") == url]


def _number(channel: Json, url: str, value: str, default: int) -> int:
    return next((int(one[value]) for one in extensions(channel, url) if value in one), default)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Kept]).decode


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """Reads and changes the page."""

    pages: Pages = field(repr=False)

    @classmethod
    def of(cls, records: Records) -> SubscriptionPage:
        """Return that of a service."""
        return cls(Pages(records, RecordKind.SYNC))

    async def all(self) -> list[Kept]:
        """Return all of them, the oldest first."""
        content = await self.pages.read(_PAGE)
        return _decode(content) if content else []

    async def one(self, id: str) -> Kept | None:
        """Return one, None where there is none of this id."""
        return next((kept for kept in await self.all() if kept.id == id), None)

    async def change(
        self,
        edit: Callable[[list[Kept]], list[Kept]],
        audit: Callable[[list[Kept]], Iterable[SealedEntry]] | None = None,
    ) -> None:
        """Change them; `audit` makes the entries that are durable with it, from what they become."""

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            known = _decode(content) if content else []
            fresh = edit(list(known))
            if fresh == known:
                return None
            return Edited(_encode(fresh), audit=tuple(audit(fresh)) if audit else ())

        await self.pages.change(_PAGE, edited)

    async def turn(self, id: str, version: int, now: str, **becoming: Any) -> Kept | None:
        """Change how one stands, unless it is another by now or gone; return it as it is then."""
        found: Kept | None = None

        def edit(known: list[Kept]) -> list[Kept]:
            nonlocal found
            for place, one in enumerate(known):
                if one.id == id:
                    found = one
                    if one.version == version and any(getattr(one, name) != new for name, new in becoming.items()):
                        found = msgspec.structs.replace(one, version=version + 1, updated=now, **becoming)
                        known[place] = found
            return known

        await self.change(edit)
        return found


@dataclass(slots=True)
class KnownSubscriptions:
    """What one process knows of them, for its writes and its relay: read every few seconds.

    A process that has not looked for longer takes it that everybody is concerned: telling in vain costs little, and a
    change that nobody is told of is lost. `seconds` only goes forward.
    """

    page: SubscriptionPage
    seconds: Callable[[], float]
    live: Sequence[Kept] = ()
    all: Sequence[Kept] = ()
    _read: float = field(default=float("-inf"))

    async def look(self, *, now: bool = False) -> bool:
        """Read the page, if it is time to; say whether it was read."""
        if not now and self.seconds() - self._read < _READ_EVERY:
            return False
        began = self.seconds()
        self.all = await self.page.all()
        self.live = [kept for kept in self.all if kept.live]
        self._read = began
        return True

    def concern(self, *records: OpenRecord) -> bool:
        """Say whether any of them may concern a person, as the record was or is."""
        if self.seconds() - self._read > _STALE_AFTER:
            return True
        return any(kept.concerns(record) for kept in self.live for record in records)
