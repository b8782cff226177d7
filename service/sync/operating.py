"""What people who look after the traffic with partners see and do, by command or on a page.

They see partners, lanes and keyed ids, never whom a message is about. Whatever they do is written down twice: as an
audit entry, durable together with it, and among the events of the partner, where the next one on duty looks. It is done
on the board alone; the process that serves the partner takes it up within a second or two, whichever it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from security.access_request import new_decision_id
from security.clock import instant
from security.decision import OPERATIONS_RULE, impersonal
from security.scopes import OPERATIONS_READ, OPERATIONS_WRITE, require_action
from service.record.access import Access
from service.record.caller import Asked, Caller
from service.record.errors import NotHere
from service.record.records import OpenRecord
from service.store.port import SealedEntry
from service.sync.board import Audited, Board, Event, PartnerState, Trouble, Way
from service.sync.members import Member
from service.sync.orders import Command, add_order
from service.sync.removal_requests import RemovalRequests
from service.sync.standing import Standing
from service.sync.subscribed import SubscriptionPage
from service.sync.subscription_standing import SubscriptionStanding, standings


@dataclass(frozen=True, slots=True)
class Operating:
    """Reads and does it. Each call raises ScopeMissing for a caller without the scope, NotHere for an unknown partner,
    and what the store raises."""

    members: Mapping[str, Member]
    board: Board
    access: Access

    async def overview(self, caller: Caller) -> list[Standing]:
        """Return how every partner stands, in order of name."""
        return [await self.standing(caller, name) for name in sorted(self.members)]

    async def subscriptions(self, caller: Caller) -> list[SubscriptionStanding]:
        """Return how FHIR Subscriptions stand, those that need somebody first."""
        require_action(caller.principal.scopes, OPERATIONS_READ)
        kept = await SubscriptionPage.of(self.access.records).all()
        return standings(kept, caller.at or self.access.clock())

    async def standing(self, caller: Caller, partner: str) -> Standing:
        """Return how one partner stands."""
        require_action(caller.principal.scopes, OPERATIONS_READ)
        member = self._member(partner)
        state, troubles = await self.board.state(partner), await self.board.troubles(partner)
        asked = [one for one in await RemovalRequests.at(self.access.records).all() if one.partner == partner]
        return Standing(member, state, troubles, caller.at or self.access.clock(), asked)

    async def pause(self, caller: Caller, partner: str) -> None:
        """Let nothing be sent to a partner, or asked of it, until somebody resumes it; what waits is kept."""
        audited = self._audited(caller, "$sync-pause", partner)
        await self.board.pause(partner, who(caller), caller.at or self.access.clock(), audited)

    async def resume(self, caller: Caller, partner: str) -> None:
        """End a pause."""
        audited = self._audited(caller, "$sync-resume", partner)
        await self.board.resume(partner, who(caller), caller.at or self.access.clock(), audited)

    async def retry(self, caller: Caller, partner: str, lane: str = "") -> None:
        """Let a stopped lane try again; without one, all of them and the partner itself. Raise NotHere for a lane that
        is not stopped."""
        audited = self._audited(caller, "$sync-retry", partner, lane)
        what = f"lane {lane[:12]}" if lane else "everything that is stopped"
        await self._order(caller, partner, Command.RETRY, lane, Way.OUT, f"Retry of {what} ordered", audited)

    async def replay(self, caller: Caller, partner: str, message: str = "") -> None:
        """Let a message that could not be taken in be translated again; without one, all of them. Raise NotHere for a
        message that is not among these."""
        audited = self._audited(caller, "$sync-replay", partner, message)
        what = f"message {message[:12]}" if message else "every message that could not be taken in"
        await self._order(caller, partner, Command.REPLAY, message, Way.IN, f"Replay of {what} ordered", audited)

    async def park(self, caller: Caller, partner: str, id: str, way: Way, *, parked: bool = True) -> None:
        """Put something that needs a person aside, or take it up again; it stays on the list, and changes no lane."""
        audited = self._audited(caller, "$sync-park" if parked else "$sync-take-up", partner, id)
        await self._listed(partner, id, way)
        if await self.board.park(partner, id, way, parked, audited):
            what = "Lane" if way is Way.OUT else "Message"
            words = f"{what} {id[:12]} {'put aside' if parked else 'taken up again'}"
            await self.board.change(partner, lambda state: self._note(caller, state, "parked", words))

    async def _order(
        self, caller: Caller, partner: str, command: Command, id: str, way: Way, words: str, audited: Audited
    ) -> None:
        if id:
            await self._listed(partner, id, way)

        def edit(state: PartnerState) -> bool:
            if not add_order(state, command, id):
                return False
            self._note(caller, state, command.value, words)
            return True

        await self.board.change(partner, edit, audited)

    async def _listed(self, partner: str, id: str, way: Way) -> Trouble:
        """Return what is meant; raise NotHere. What is not on the list never gets as far as the serving process."""
        for trouble in await self.board.troubles(partner):
            if (trouble.id, trouble.way) == (id, way):
                return trouble
        raise NotHere

    def _note(self, caller: Caller, state: PartnerState, what: str, words: str) -> None:
        state.note(Event(instant(caller.at or self.access.clock()), what, f"{words} by {who(caller)}."))

    def _member(self, partner: str) -> Member:
        member = self.members.get(partner)
        if member is None:
            raise NotHere
        return member

    def _audited(self, caller: Caller, interaction: str, partner: str, id: str = "") -> Audited:
        """Return what makes the audit entry of an action, if the caller may do it to this partner."""
        require_action(caller.principal.scopes, OPERATIONS_WRITE)
        self._member(partner)
        access, principal = self.access, caller.principal
        decision = impersonal(OPERATIONS_RULE, principal.role, access.policy, new_decision_id())
        asked = Asked(interaction, (f"Endpoint/{partner}", *([f"Task/{id}"] if id else ())))

        def entry(page: OpenRecord) -> SealedEntry:
            return access.entry(caller, decision, asked, page, makes=page.following)

        return entry


def who(caller: Caller) -> str:
    """Return who acts, as the events of a partner name them: a member of staff, or the client where nobody is named."""
    user = caller.principal.user
    return caller.principal.client_id if user is None else user.name
