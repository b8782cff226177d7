"""The National Record Locator, where ambulance services and 111 find that a person has a plan: partner kind `nrl`.

For each person whose plan the partner may see there is one pointer, which leads to this service. It is made with the
first plan, stays as it is while the plan changes, and is deleted when the plan, consent or a restriction closes it, and
when the person died. The client of the description stands for those who follow the pointer: what it may see decides.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from uuid import NAMESPACE_OID, uuid5

from adapters.base import Adapter, Arrived, HeldThere, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.errors import OtherPerson
from adapters.http import HttpClient
from adapters.notes import Notes
from adapters.nrl_client import NrlClient
from adapters.nrl_keep import Keeping
from adapters.nrl_pointer import pointer_of
from adapters.nrl_settings import NrlSettings, connection_of, is_plain_http, problems_of, settings_of
from adapters.nrl_whether import subject_of
from adapters.partners import Partner
from adapters.surroundings import Surroundings
from security.clock import Clock
from security.errors import InvalidConfiguration


class NrlAdapter:
    """The producer side of NRL for one organisation and one type of pointer."""

    def __init__(self, settings: NrlSettings, http: HttpClient, notes: Notes, clock: Clock, within: float) -> None:
        """`within` is how long one request may take, in seconds."""
        self._settings = settings
        self._http = http
        self._notes = notes
        self._clock = clock
        self._within = within

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Let there be the pointer that the parcel asks for, or none; then confirm all of the parcel.

        Raise OtherPerson where there is a plan, but no verified NHS number to file it under; what was filed is removed.
        """
        # the same in every attempt at this parcel, and telling nobody anything
        correlation = str(uuid5(NAMESPACE_OID, parcel.key))
        client = NrlClient(self._http, self._settings.base, self._within, correlation)
        keeping = Keeping(self._notes, client, parcel.subject, self._clock)
        try:
            number = subject_of(parcel)
        except OtherPerson:
            await keeping.keep(None)
            raise
        pointer = None
        if number is not None:
            pointer = pointer_of(self._settings, number.value, parcel.address, parcel.committed)
        await keeping.keep(pointer)
        for put in parcel.puts:
            yield Receipt(put.reference, HeldThere(theirs="", version="", digest=put.digest))
        for removal in parcel.removals:
            yield Receipt(removal.reference, None)

    async def poll(self, cursor: str) -> Polled:
        """NRL tells a producer nothing."""
        return Polled((), cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Nothing comes from NRL, so that no message can be read."""
        raise Untranslatable("the National Record Locator sends nothing")

    async def settled(self, message: Message) -> None:
        """Nothing is to be told."""

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


class NrlKind:
    """The kind `nrl` (`docs/nhs-locator.md`)."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description and its files."""
        return list(problems_of(partner))

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter; raise InvalidConfiguration for plain http outside a sandbox."""
        settings = settings_of(partner)
        if is_plain_http(settings) and not surroundings.private_addresses:
            raise InvalidConfiguration([f"{partner.name}: plain http is for a sandbox only"])
        return NrlAdapter(
            settings,
            connection_of(partner, settings, surroundings.clock),
            surroundings.notes(partner.name),
            surroundings.clock,
            partner.description.limits.timeout,
        )
