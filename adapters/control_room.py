"""Ambulance control rooms: kind `control-room`.

Told of two things, each as a signed CloudEvent (`adapters.signed_events`): at which address a plan exists
(`adapters.control_room_flags`), and, while an incident is open there, the emergency answer. Nothing of what a parcel
carries leaves but the flags, so a 2xx answer to them confirms all of it: what the room holds of a person is right by
then. Incidents come the other way, over our own door (`docs/nhs-control.md`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import msgspec

from adapters.base import Adapter, Arrived, HeldThere, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.control_room_events import IncidentAnswer, answer_event, flags_event
from adapters.control_room_flags import flags_of
from adapters.partners import Partner
from adapters.settings import read_settings
from adapters.signed_events import SignedEvents, address_problem
from adapters.surroundings import Surroundings
from security.clock import Clock


class ControlRoomSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` is where events go, `hosts` which hosts it may have."""

    address: str
    hosts: tuple[str, ...]


class ControlRoomAdapter:
    """One control room."""

    def __init__(self, events: SignedEvents, source: str, clock: Clock) -> None:
        """`source` is our FHIR base."""
        self._events = events
        self._source = source
        self._clock = clock

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """POST the flags of one person; confirm all of the parcel when the answer is 2xx, and nothing otherwise."""
        flags = flags_of(parcel.patient, parcel.plan, self._clock())
        await self._events.post(flags_event(parcel, flags, self._source))
        for put in parcel.puts:
            yield Receipt(put.reference, HeldThere(theirs="", version="", digest=put.digest))
        for removal in parcel.removals:
            yield Receipt(removal.reference, None)

    async def answered(self, answer: IncidentAnswer) -> None:
        """POST the emergency answer of an incident; return when the answer is 2xx."""
        await self._events.post(answer_event(answer, self._source))

    async def poll(self, cursor: str) -> Polled:
        """A control room is never asked: it opens and closes incidents at our door."""
        return Polled((), cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Nothing about a plan comes from a control room, so that no message can be read."""
        raise Untranslatable("a control room sends no part of a plan")

    async def settled(self, message: Message) -> None:
        """Nothing is to be told."""

    async def close(self) -> None:
        """Let go of connections."""
        await self._events.close()


class ControlRoomKind:
    """The kind `control-room` (`docs/nhs-control.md`)."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description."""
        one = partner.description
        try:
            settings = read_settings(partner, ControlRoomSettings)
        except ValueError as error:
            problems = [str(error)]
        else:
            problems = [problem] if (problem := address_problem(settings.address, settings.hosts)) else []
        if one.sends or not one.gets:
            problems.append("a control room `gets`, and `sends` is false: incidents come to our own door")
        if one.people != "related":
            # A flag stands before anybody calls. An incident opens the plan to its crew, and no flag to its room.
            problems.append("`people` is `related`: flags are for those whose record names the room's organisation")
        if one.mapping:
            problems.append("`mapping` is not for this kind")
        return problems

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter; raise InvalidConfiguration for an address that this deployment does not send to."""
        settings = read_settings(partner, ControlRoomSettings)
        events = SignedEvents.to(settings.address, settings.hosts, partner, surroundings)
        return ControlRoomAdapter(events, surroundings.fhir_base, surroundings.clock)
