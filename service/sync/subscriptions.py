"""`Subscriptions`: a client's own FHIR Subscriptions, made, read, changed and deleted by its system.

They belong to one client acting for one organisation. Anybody else's is absent (404, the same bytes). No person is
looked up when one is made: a subscription to somebody who is not here, or not shared, is like any other, and silent.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.subscription_notification import Kind, Standing, status_of
from fhir_profiles.issues import error
from security.access_request import new_decision_id
from security.clock import instant
from security.decision import SUBSCRIPTION_RULE, impersonal
from security.principal import Role
from security.registry import ClientRegistry
from service.record.access import Access
from service.record.caller import Asked, Caller
from service.record.errors import InvalidContent, NotAllowedToWrite, NotHere, VersionConflict
from service.store.port import SealedEntry
from service.sync.notify import Stopped, client_of
from service.sync.outbox import Outboxes
from service.sync.subscribed import MOST, MOST_OF_A_CLIENT, Kept, SubscriptionPage
from service.sync.subscription_rules import kept_form, problems_of

__all__ = ["Kind", "Standing", "Subscriptions", "status_of"]

Json = dict[str, Any]

_SYSTEMS_ONLY = "Subscriptions belong to systems: ask with a token of role `system`, which names no person."
_NOT_REGISTERED = "This client is not registered to act for this organisation by itself, so it could be told nothing."
_TOO_MANY = f"A client has {MOST_OF_A_CLIENT} Subscriptions at most, those that are off among them: delete one."
_FULL = "This service takes no more Subscriptions now."


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The use cases. `hosts` and `private` say where endpoints may be (`adapters.addresses`); `base`: our FHIR base.

    What is told later is decided for the client as it is registered then, so one that is not (a token of the demo's
    door) has none.
    """

    access: Access
    page: SubscriptionPage
    outboxes: Outboxes
    registry: ClientRegistry
    hosts: Collection[str]
    private: bool
    base: str

    async def create(self, caller: Caller, resource: Json) -> Kept:
        """Keep a new one; it is `requested` until its endpoint has taken the handshake. Raise InvalidContent."""
        await self._admit(caller, "create")
        self._judge(resource)
        principal, now = caller.principal, instant(self.access.clock())
        made = Kept(
            id=secrets.token_hex(16),
            client=principal.client_id,
            organisation=principal.organisation,
            scopes=sorted(principal.scopes),
            resource=kept_form(resource),
            version=1,
            updated=now,
            status=_asked_for(resource),
            since=now,
        )
        self._check_registered(made)

        def edit(known: list[Kept]) -> list[Kept]:
            if len(known) >= MOST or sum(one.client == made.client for one in known) >= MOST_OF_A_CLIENT:
                text = _FULL if len(known) >= MOST else _TOO_MANY
                raise InvalidContent([error("too-costly", "Subscription", text)])
            return [*known, made]

        await self.page.change(edit, self._audit(caller, "create", made.id))
        return made

    async def read(self, caller: Caller, id: str) -> Kept:
        """Return one of the caller's own. Raise NotHere."""
        await self._admit(caller, "read")
        return _own(await self.page.all(), caller, id)

    async def search(self, caller: Caller) -> list[Kept]:
        """Return all of the caller's own, the oldest first."""
        await self._admit(caller, "search-type")
        return [kept for kept in await self.page.all() if _is_own(kept, caller)]

    async def update(self, caller: Caller, id: str, version: int, resource: Json) -> Kept:
        """Replace one at the version named; it is `requested` again, or off. Raise NotHere, VersionConflict."""
        await self._admit(caller, "update")
        _own(await self.page.all(), caller, id)  # before anything is said of what was sent
        self._judge(resource)
        now, form, asked = instant(self.access.clock()), kept_form(resource), _asked_for(resource)

        def edit(known: list[Kept]) -> list[Kept]:
            stands = _own(known, caller, id)
            if stands.version != version:
                raise VersionConflict(stands.reference, version, stands.version)
            fresh = msgspec.structs.replace(
                stands,
                scopes=sorted(caller.principal.scopes),
                resource=form,
                version=version + 1,
                updated=now,
                status=asked,
                since=now,
                error="",
                failing="",
                greeted=False,
            )
            self._check_registered(fresh)
            return [fresh if one.id == id else one for one in known]

        await self.page.change(edit, self._audit(caller, "update", id))
        return _own(await self.page.all(), caller, id)

    async def delete(self, caller: Caller, id: str) -> None:
        """Forget one; nothing is sent to it from then on. Raise NotHere."""
        await self._admit(caller, "delete")

        def edit(known: list[Kept]) -> list[Kept]:
            _own(known, caller, id)
            return [one for one in known if one.id != id]

        await self.page.change(edit, self._audit(caller, "delete", id))

    async def statuses(self, caller: Caller, ids: Collection[str], statuses: Collection[str]) -> list[Json]:
        """Return how the caller's own stand, as Parameters: those of some ids or statuses, or all."""
        await self._admit(caller, "$status")
        return [
            await self._status(kept)
            for kept in await self.page.all()
            if _is_own(kept, caller) and (not ids or kept.id in ids) and (not statuses or kept.status in statuses)
        ]

    async def status(self, caller: Caller, id: str) -> Json:
        """Return how one stands, as Parameters. Raise NotHere."""
        return await self._status(await self.read(caller, id))

    async def _status(self, kept: Kept) -> Json:
        box = await self.outboxes.read(kept.id)
        standing = Standing(kept.reference, kept.status, box.count, kept.error)
        return status_of(standing, Kind.QUERY_STATUS, self.base)

    async def _admit(self, caller: Caller, interaction: str) -> None:
        await self.access.admit(caller, Asked(interaction))
        if caller.principal.role != Role.SYSTEM:
            raise NotAllowedToWrite([error("forbidden", "", _SYSTEMS_ONLY)])

    def _check_registered(self, kept: Kept) -> None:
        try:
            client_of(self.registry, kept)
        except Stopped:
            raise NotAllowedToWrite([error("forbidden", "", _NOT_REGISTERED)]) from None

    def _judge(self, resource: Json) -> None:
        if issues := problems_of(resource, self.hosts, self.private, self.access.clock()):
            raise InvalidContent(issues)

    def _audit(self, caller: Caller, interaction: str, id: str) -> Callable[[list[Kept]], Iterable[SealedEntry]]:
        """Return what makes the audit entry of a change: of nobody's plan, by which client, of which Subscription."""

        def entries(becomes: list[Kept]) -> Iterable[SealedEntry]:
            version = next((f"/_history/{one.version}" for one in becomes if one.id == id), "")
            asked = Asked(interaction, (f"Subscription/{id}{version}",))
            role = caller.principal.role
            decision = impersonal(SUBSCRIPTION_RULE, role, self.access.policy, new_decision_id())
            yield self.access.entry(caller, decision, asked, None)

        return entries


def _asked_for(resource: Json) -> str:
    return "off" if resource["status"] == "off" else "requested"


def _is_own(kept: Kept, caller: Caller) -> bool:
    return (kept.client, kept.organisation) == (caller.principal.client_id, caller.principal.organisation)


def _own(known: Iterable[Kept], caller: Caller, id: str) -> Kept:
    for kept in known:
        if kept.id == id and _is_own(kept, caller):
            return kept
    raise NotHere
