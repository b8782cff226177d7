"""The subscriber of the crash tests: every changed resource is told to one partner or to two, in words a test can read.

These tests run without partners, so nothing else causes deliveries. What one delivery says names record, commit, person
and version, so that whoever looks at what waits can tell of each whether it belongs to a commit, and which.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from security.blind_index import BlindIndex
from security.keys import open_keys
from security.service_seal import ServiceSeal
from service.opening import Opened
from service.record.subscribers import Committing, Subscribers
from service.settings import Settings
from service.store.port import Delivery, StoredDelivery

HEARS_ALL, HEARS_NOTES = "ZZHSP1", "ZZAMB1"
_KIND = "delivery"


class Told(msgspec.Struct, frozen=True):
    """What one delivery says."""

    partner: str
    person: str
    record: str
    sequence: int
    version: str


def partners_of(version: str) -> tuple[str, ...]:
    """Return the partners that hear of `Type/id/_history/n`."""
    return (HEARS_ALL, HEARS_NOTES) if version.startswith("Observation/") else (HEARS_ALL,)


class Telling:
    """Makes deliveries, and opens those that it made."""

    def __init__(self, seal: ServiceSeal, index: BlindIndex) -> None:
        self._seal = seal
        self._index = index

    @classmethod
    def of(cls, settings: Settings) -> Telling:
        """Return it for whoever looks from outside, with the keys of a home."""
        keys = open_keys(settings.keys)
        return cls(ServiceSeal(keys.service, settings.tenant), BlindIndex(keys.index, settings.tenant))

    def __call__(self, committing: Committing) -> Iterator[Delivery]:
        """Return what a commit causes."""
        after = committing.after
        for entry in committing.changed:
            version = f"{entry.reference}/_history/{entry.version}"
            for partner in partners_of(version):
                told = Told(partner, after.manifest.patient, after.record_id.hex(), after.sequence, version)
                lane = self._lane(told)
                yield Delivery(lane, self._seal.seal(_KIND, lane, msgspec.json.encode(told)))

    def read(self, delivery: StoredDelivery) -> Told:
        """Open what waits; fail if it lies in another lane than its own."""
        told = msgspec.json.decode(self._seal.open(_KIND, delivery.lane, delivery.sealed), type=Told)
        assert delivery.lane == self._lane(told), "in the lane of another person or partner"
        return told

    def _lane(self, told: Told) -> bytes:
        return self._index.token("lane", f"{told.record}|{told.partner}")


def subscribing(opened: Opened) -> Subscribers:
    """Return the subscribers of a service of these tests."""
    seal = ServiceSeal(opened.keys.service, opened.settings.tenant)
    return (Telling(seal, opened.records.index),)
