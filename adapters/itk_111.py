"""111 services that send their reports: kind `itk-111`, inbound alone.

A report comes to our own door as an ITK message (`adapters.itk_111_envelope`), is written down as it came, durable and
sealed, and only then answered. From there the engine takes it in as from every partner: read, compared with the person,
filed as an event, or parked for somebody to look. A report is known by its tracking id.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence

import msgspec

from adapters.base import Adapter, Arrived, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.errors import ContentRefused
from adapters.itk_111_envelope import Envelope, InvalidEnvelope, read_envelope
from adapters.itk_111_report import arrived_report
from adapters.notes import NoteChanged, Notes
from adapters.partners import Partner
from adapters.settings import read_settings
from adapters.surroundings import Surroundings
from fhir_profiles.identifiers import is_ods_code

KIND = "itk-111"
MOST_WAITING = 16 * 1024 * 1024
"""Bytes of reports that may wait at once for the engine; more are refused until it caught up."""


class Itk111Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`addressed_to` are the ODS codes by which reports are addressed to us."""

    addressed_to: tuple[str, ...]


class Full(Exception):
    """Too many reports wait already."""


class DifferentReport(Exception):
    """Another report waits under the same tracking id."""


async def store_report(notes: Notes, settings: Itk111Settings, body: bytes) -> Envelope:
    """Write a report down as it came; it is durable when this returns. The same again changes nothing.

    Raise InvalidEnvelope for what is none, DifferentReport, Full.
    """
    envelope = read_envelope(body, settings.addressed_to)
    key = _key(envelope.tracking_id)
    for _ in range(3):
        held = await notes.held(key)
        if held == body:
            return envelope
        if held:
            raise DifferentReport
        if sum(map(len, (await notes.all()).values())) + len(body) > MOST_WAITING:
            raise Full
        try:
            await notes.write(key, b"", body)
        except NoteChanged:
            continue
        return envelope
    raise Full


def settings_of(partner: Partner) -> Itk111Settings:
    """Return the settings of a partner without problems."""
    return read_settings(partner, Itk111Settings)


class Itk111Adapter:
    """One 111 service."""

    def __init__(self, settings: Itk111Settings, notes: Notes) -> None:
        self._settings = settings
        self._notes = notes

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Nothing is given to a 111 service this way."""
        confirmed: tuple[Receipt, ...] = ()
        for receipt in confirmed:
            yield receipt
        raise ContentRefused

    async def poll(self, cursor: str) -> Polled:
        """Return the reports that wait."""
        waiting = await self._notes.all()
        return Polled([Message(key, waiting[key]) for key in sorted(waiting)], cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Put a report into our words."""
        try:
            return [arrived_report(read_envelope(message.original, self._settings.addressed_to))]
        except InvalidEnvelope as problem:
            raise Untranslatable(problem.why) from None

    async def settled(self, message: Message) -> None:
        """Forget a report that was taken in, or parked: it is kept there."""
        held = await self._notes.held(message.id)
        if held:
            await self._notes.write(message.id, held, b"")

    async def close(self) -> None:
        """Nothing is open."""


class Itk111Kind:
    """The kind `itk-111` (`docs/nhs-control.md`)."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description."""
        one = partner.description
        try:
            codes = settings_of(partner).addressed_to
        except ValueError as error:
            problems = [str(error)]
        else:
            good = bool(codes) and all(is_ods_code(code) for code in codes)
            problems = [] if good else ["`settings.addressed_to` is a list of one or more ODS codes"]
        if one.gets or not one.sends:
            problems.append("a 111 service `sends`, and `gets` is false: nothing is given to it")
        if one.mapping:
            problems.append("`mapping` is not for this kind")
        return problems

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter."""
        return Itk111Adapter(settings_of(partner), surroundings.notes(partner.name))


def _key(tracking_id: str) -> str:
    return hashlib.sha256(tracking_id.upper().encode()).hexdigest()[:32]
