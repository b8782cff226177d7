"""What waits to be sent: that a partner is due the newest state of a person. No content, no name.

It is sealed in the commit that causes it and opened by the relay. What is then sent is decided and read at that time,
so that nothing that waits can be out of date, and no withdrawal can come too late for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from adapters.base import Cause
from security.blind_index import BlindIndex
from security.service_seal import ServiceSeal
from service.store.port import Delivery, StoredDelivery

REMOVALS = "=removals"
"""In the place of a partner's name: not to be sent to anybody, but to find out who has to be asked to remove copies."""
SUBSCRIPTIONS = "=subscriptions"
"""In the same place: to find out which FHIR Subscriptions are concerned."""
_SUBSCRIPTION = "=subscription."
_KIND = "delivery"
_ADDRESS = "sync-address"
_ADDRESSED = re.compile(r"[0-9a-f]{32}")
_BUCKET = 128
"""All are of one size, whatever they are due for."""
_NAMING = 1_024
"""The same of those that name what changed, but for commits of many resources."""


class Due(msgspec.Struct, array_like=True, frozen=True):
    """The partner's name, whose record, the commit that caused it (sequence and FHIR instant), and why.

    `changed` are references (`Type/id`), for FHIR Subscriptions alone: partners are compared with what they hold.
    The order of fields is the stored form: append only, with a default.
    """

    partner: str
    record: bytes
    sequence: int
    cause: Cause
    committed: str
    changed: tuple[str, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Due).decode


@dataclass(frozen=True, slots=True)
class Dues:
    """Seals and opens them, and names the lane of a person and a partner."""

    seal: ServiceSeal
    index: BlindIndex

    def delivery(self, due: Due) -> Delivery:
        """Return what a commit carries."""
        lane = self.lane(due.partner, due.record)
        bucket = _NAMING if due.changed else _BUCKET
        return Delivery(lane, self.seal.seal(_KIND, lane, _encode(due), bucket))

    def open(self, delivery: StoredDelivery) -> Due:
        """Return what waits. Raise SealBroken for what is no such delivery: a notice to a person, for instance
        (`notice_dues`)."""
        return _decode(self.seal.open(_KIND, delivery.lane, delivery.sealed))

    def lane(self, partner: str, record: bytes) -> bytes:
        """Return the lane of one partner and one person: 16 bytes that tell neither."""
        return self.index.token("lane", f"{partner}|{record.hex()}")[:16]

    def subject(self, partner: str, record: bytes) -> str:
        """Return the keyed id of a person for one partner: what engineers see, and events name."""
        return self.index.token("sync-subject", f"{partner}|{record.hex()}").hex()[:24]

    def address(self, partner: str, record: bytes) -> str:
        """Return the name of a person's record for one partner that may ask us by it: 32 hexadecimal digits.

        Only this deployment can tell whose it is (`behind`).
        """
        return self.index.alias(f"{_ADDRESS}|{partner}", record).hex()

    def behind(self, partner: str, address: str) -> tuple[bytes, ...]:
        """Return the ids of the records that an address of a partner may stand for; no record may have any of them."""
        if _ADDRESSED.fullmatch(address) is None:
            return ()
        return self.index.behind(f"{_ADDRESS}|{partner}", bytes.fromhex(address))


def name_of_subscription(id: str) -> str:
    """Return what stands in the place of a partner's name for one FHIR Subscription."""
    return f"{_SUBSCRIPTION}{id}"


def subscription_of(name: str) -> str:
    """Return the id of the FHIR Subscription that a name stands for; '' for any other name."""
    return name.removeprefix(_SUBSCRIPTION) if name.startswith(_SUBSCRIPTION) else ""
