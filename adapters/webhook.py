"""Partners that want to be told by a signed webhook: kind `webhook`.

Each parcel is one POST of a CloudEvent (`adapters.plan_event`) with our signature over its exact bytes in the header
`Epaccs-Signature`. A 2xx answer confirms everything in it. Sent again it has the same id, so that a receiver which
remembers ids takes it once. Where we send is judged at each sending (`adapters.addresses`). A receiver that carries
notices to people gets those as events of their own (`adapters.notice`), over TLS also where a sandbox does without.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Literal

import msgspec

from adapters.base import Adapter, Arrived, HeldThere, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.notice import PersonNotice, notice_event
from adapters.partners import Partner
from adapters.plan_event import event_of
from adapters.settings import read_settings
from adapters.signed_events import MAX_ANSWER, SIGNATURE_HEADER, SignedEvents, address_problem
from adapters.surroundings import Surroundings

__all__ = ["MAX_ANSWER", "SIGNATURE_HEADER", "WebhookAdapter", "WebhookKind", "WebhookSettings"]


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` is where events go, `hosts` which hosts it may have; `payload`: references alone, or resources too."""

    address: str
    hosts: tuple[str, ...]
    payload: Literal["ids", "full"] = "ids"


class WebhookAdapter:
    """One receiver of webhooks."""

    def __init__(self, settings: WebhookSettings, events: SignedEvents, source: str):
        """`source` is our FHIR base."""
        self._settings = settings
        self._events = events
        self._source = source

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """POST one event; confirm all of the parcel when the answer is 2xx, and nothing otherwise."""
        await self._events.post(event_of(parcel, self._source, full=self._settings.payload == "full"))
        for put in parcel.puts:
            yield Receipt(put.reference, HeldThere(theirs="", version="", digest=put.digest))
        for removal in parcel.removals:
            yield Receipt(removal.reference, None)

    async def notify(self, notice: PersonNotice) -> None:
        """POST one notice; return when the answer is 2xx."""
        await self._events.post(notice_event(notice, self._source))

    async def poll(self, cursor: str) -> Polled:
        """A receiver of webhooks sends nothing."""
        return Polled((), cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Nothing comes from a receiver of webhooks, so that no message can be read."""
        raise Untranslatable("a receiver of webhooks sends nothing")

    async def settled(self, message: Message) -> None:
        """Nothing is to be told."""

    async def close(self) -> None:
        """Let go of connections."""
        await self._events.close()


class WebhookKind:
    """The kind `webhook` (`docs/webhooks.md`)."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description."""
        try:
            settings = read_settings(partner, WebhookSettings)
        except ValueError as error:
            problems = [str(error)]
        else:
            problems = [problem] if (problem := address_problem(settings.address, settings.hosts)) else []
            # A notice names the person: it never goes in clear, not in a sandbox either.
            if not problems and partner.description.notices and not settings.address.startswith("https://"):
                problems = ["`settings.address` is not https, and it carries `notices`"]
        if partner.description.sends:
            problems.append("`sends` is false: a receiver of webhooks sends nothing")
        if partner.description.mapping:
            problems.append("`mapping` is not for this kind")
        return problems

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter; raise InvalidConfiguration for an address that this deployment does not send to."""
        settings = read_settings(partner, WebhookSettings)
        events = SignedEvents.to(settings.address, settings.hosts, partner, surroundings)
        return WebhookAdapter(settings, events, surroundings.fhir_base)
