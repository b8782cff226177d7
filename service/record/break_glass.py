"""Emergency access (sharing rules 4): asked for once with a reason, then good for this person, this user, and a while.

Asking gives the emergency answer in the same request, so that a crew needs one more request than without. It needs no
knowledge of whether there is a record: an absent one, one whose identity is not the one repeated, and one that nothing
opens answer alike, and each such try alerts. What is given is a grant: 32 random characters that stand for who, whom
and why, sealed with the service key and found by a blind token. A caller sends them with what it reads next. A grant
opens nothing by itself: the decision is made each time, with what the grant says.

Who is refused too often is locked for a while, whomever they asked for; their privacy officer has the alerts.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec

from security.access_request import BreakGlass
from security.break_glass import locked
from security.clock import EPOCH, instant
from service.record.access import Access, Asked, Caller, Echo, Refused
from service.record.errors import Problem
from service.record.kept import Kept
from service.record.read import Answered, EmergencySummary, ReadRecord

KIND = "break-glass"
INTERACTION = "$break-glass"
_GRANT = re.compile(r"[A-Za-z0-9_-]{32}")


class EmergencyAccessEnded(Problem):
    """A grant that is unknown, too old, or another user's. It tells nothing of any record."""


class EmergencyAccessLocked(Problem):
    """The caller was refused emergency access too often. `minutes`: after how long it is open again."""

    def __init__(self, minutes: int) -> None:
        super().__init__("locked")
        self.minutes = minutes


class _Meaning(msgspec.Struct, array_like=True, frozen=True):
    organisation: str
    user: str
    record: str
    asked: BreakGlass
    decision: str
    expires: str


@dataclass(frozen=True, slots=True)
class Given:
    """What was given: the answer, and the grant for what is read next, until when (FHIR instant)."""

    answered: Answered
    grant: str
    expires: str


@dataclass(frozen=True, slots=True)
class EmergencyAccess:
    """Gives and takes grants. One per service."""

    read_record: ReadRecord
    kept: Kept

    @property
    def access(self) -> Access:
        """Where decisions are made."""
        return self.read_record.access

    async def __call__(self, caller: Caller, asked: BreakGlass, echo: Echo, question: EmergencySummary) -> Given:
        """Break glass for the person whom `echo` names.

        Raise EmergencyAccessLocked, Refused, or what reading raises.
        """
        caller = replace(caller, break_glass=asked, echo=echo)
        try:
            await self._check_lock(caller)
            answered = await self.read_record(caller, question)
        except Refused:
            await self._count_refusal(caller)
            raise
        now = caller.at or self.access.clock()
        expires = now + timedelta(minutes=self.access.governing(answered.record).settings.break_glass_minutes)
        user = caller.principal.user
        assert user is not None, "nobody breaks glass without a name (rule 4)"
        meaning = _Meaning(
            caller.principal.organisation,
            user.id,
            answered.record.record_id.hex(),
            msgspec.structs.replace(asked, echo_matches=True),
            answered.decision.id,
            instant(expires),
        )
        grant = secrets.token_urlsafe(24)
        name = self.kept.index.token(KIND, grant)
        sealed = self.kept.seal.seal(KIND, name, msgspec.msgpack.encode(meaning))
        await self.kept.store.keep(name, sealed, expires)
        return Given(answered, grant, meaning.expires)

    async def under(self, caller: Caller, grant: str) -> Caller:
        """Return the caller as one who reads under a grant; raise EmergencyAccessEnded if it is over or not theirs."""
        if not _GRANT.fullmatch(grant):
            raise EmergencyAccessEnded
        name = self.kept.index.token(KIND, grant)
        sealed = await self.kept.store.remembered(name)
        if sealed is None:
            raise EmergencyAccessEnded
        meaning = msgspec.msgpack.decode(self.kept.seal.open(KIND, name, sealed), type=_Meaning)
        principal = caller.principal
        user = "" if principal.user is None else principal.user.id
        whose = (meaning.organisation, meaning.user)
        if whose != (principal.organisation, user) or meaning.expires <= instant(caller.at or self.access.clock()):
            raise EmergencyAccessEnded
        return replace(caller, break_glass=meaning.asked, granted=meaning.record)

    async def _check_lock(self, caller: Caller) -> None:
        """Refuse whoever is locked, before anything is looked up: the answer depends on the caller alone (I4)."""
        if not await self.kept.store.leased(self._lock(caller)):
            return
        request = self.access.request_of(caller)
        try:
            await self.access.refuse(caller, locked(request, self.access.policy), Asked(INTERACTION), None)
        except Refused:
            raise EmergencyAccessLocked(self.access.policy.settings.break_glass_lock_minutes) from None

    async def _count_refusal(self, caller: Caller) -> None:
        settings = self.access.policy.settings
        now, span = caller.at or self.access.clock(), timedelta(minutes=settings.break_glass_lock_minutes)
        lock = self._lock(caller)
        # All processes count in the same spans of time, which begin at round minutes.
        if await self.kept.store.count(lock, now + span - (now - EPOCH) % span) >= settings.break_glass_tries:
            await self.kept.store.lease(lock, lock, now + span)

    def _lock(self, caller: Caller) -> bytes:
        user = caller.principal.user
        who = caller.principal.client_id if user is None else user.id
        return self.kept.index.token("break-glass-lock", f"{caller.principal.organisation}|{who}|{INTERACTION}")
