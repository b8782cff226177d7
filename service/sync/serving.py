"""One partner as one process serves it: its lease, lanes, circuit and adapter, and what it does about each outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.base import Adapter
from adapters.errors import ChangedThere, OutsideError
from security.clock import Clock, instant, parse_instant
from security.errors import KeyUnavailable, SecurityError
from service import logs, tracing
from service.record.errors import Problem, RecordBroken
from service.store.errors import StoreError
from service.store.port import RecordStore
from service.sync.absences import follow
from service.sync.board import MOST_LAGS, Board, Event, PartnerState, Trouble, Way
from service.sync.circuit import Circuit
from service.sync.due import Due, Dues
from service.sync.give import Give, Overtaken
from service.sync.lanes import Lane, Lanes
from service.sync.look_again import NotNow
from service.sync.members import Member
from service.sync.polling import Polling
from service.sync.retry import MOST_TRIES, Class, class_of, pause, reason_of, retry_after_of

_BROKEN = "Our own record of this person could not be opened; see `epaccs verify`."
_FAULT = "A fault of this program: it did not know what to do."
_SILENT = timedelta(seconds=30)
"""How old the board may be while nothing happens: by that people see that somebody serves the partner."""
_NOW_AND_THEN = 1.0
"""Seconds between routine deliveries while the process is busy with emergency answers."""
_OUR_PAUSE = 2.0
"""Seconds until it is tried again where our own store or keys do not answer."""


@dataclass(slots=True)
class Tally:
    """What happened since it was last written to the board."""

    given: int = 0
    removed: int = 0
    lags: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    last_success: str = ""
    last_failure: str = ""


@dataclass(slots=True)
class Serving:
    """See the module. `seconds` only goes forward, `part` is random from 0 to 1.

    `turn` is that of the lease, 0 without one; `held_until` is in those seconds: until then nobody else can have it.
    `paused` is since when somebody keeps it from sending, '' if nobody does.
    `stopped` are lanes that are on the list of what a person has to look at; `replays` are ids of parked messages to be
    translated again, '' for all. `gives_way` says that the process is busy with emergency answers: what is urgent is
    sent all the same, the rest now and then.
    """

    member: Member
    adapter: Adapter
    give: Give
    polling: Polling
    board: Board
    dues: Dues
    store: RecordStore
    clock: Clock
    seconds: Callable[[], float]
    part: Callable[[], float]
    gives_way: Callable[[], bool]
    lanes: Lanes = field(default_factory=Lanes)
    turn: int = 0
    held_until: float = 0.0
    paused: str = ""
    tally: Tally = field(default_factory=Tally)
    stopped: set[bytes] = field(default_factory=set)
    replays: set[str] = field(default_factory=set)
    next_routine: float = 0.0
    running: set[asyncio.Task[None]] = field(default_factory=set)
    asking: asyncio.Task[None] | None = None
    circuit: Circuit = field(init=False)

    def __post_init__(self) -> None:
        self.circuit = Circuit(self.member.description.limits, self.part)

    def still_ours(self) -> bool:
        """Say whether nobody else can be serving this partner for as long as one request may take."""
        return bool(self.turn) and self.seconds() < self.held_until

    def dispatch(self) -> None:
        """Send as much as may be sent now: each lane by itself, as many at once as the partner bears."""
        most, busy = self.member.description.limits.parallel, self.gives_way()
        while len(self.running) < most and not self.paused and self.still_ours():
            now = self.seconds()
            if not self.circuit.lets_through(now):
                return
            lane = self.lanes.next(now, urgent_only=busy and now < self.next_routine)
            if lane is None:
                return
            self.next_routine = now + _NOW_AND_THEN
            self.circuit.begun()
            task = asyncio.create_task(self._send(lane))
            self.running.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        """One thing was sent, or not; the next has its turn at once."""
        self.running.discard(task)
        if not task.cancelled() and task.exception() is None:
            self.dispatch()

    def ask(self) -> None:
        """Ask the partner for what it has, and replay what somebody ordered, if it is time and nothing of it runs."""
        if self.asking is not None and not self.asking.done():
            return
        if self.paused or not self.still_ours() or not self.circuit.lets_through(self.seconds()):
            return
        if self.replays or self.polling.is_due():
            self.asking = asyncio.create_task(self._ask())

    async def finish(self) -> None:
        """Wait for what is being sent, a little; then let go of the partner's connections."""
        if self.running:
            await asyncio.wait(self.running, timeout=self.member.description.limits.timeout)
        for task in (*self.running, *([self.asking] if self.asking is not None else [])):
            task.cancel()
        await self.adapter.close()

    async def _send(self, lane: Lane) -> None:
        dues = dict(lane.waiting)
        newest, urgent = lane.newest, lane.most_urgent

        def go_on() -> bool:
            """Whether the lease holds and nothing that overtakes came into this lane meanwhile."""
            return self.still_ours() and (urgent.cause.urgent or not lane.most_urgent.cause.urgent)

        try:
            with tracing.span("deliver", partner=self.member.name, cause=urgent.cause.value, waiting=len(dues)) as span:
                given = await self.give(self.member, self.adapter, newest, urgent.cause, self.turn, go_on)
                span.set(outcome="delivered", given=given.effects, removed=given.removed)
            if given.whom is not None and given.whom.nhs_number:
                await self.polling.prefill(lane.id, given.whom, self.turn)
            for delivery in dues:
                await self.store.done(delivery)
            if lane.id in self.stopped:
                await self.board.settled(self.member.name, lane.id.hex(), Way.OUT)
        except Overtaken:
            self.circuit.given_up()
            self.lanes.put_back(lane)
        except OutsideError as error:
            await self._failed(lane, urgent, error)
        except TimeoutError:
            self._pause(lane, "The partner's system took too long.", None)
        except (StoreError, KeyUnavailable, Problem):
            # Ours to mend, and nothing is known of the partner: readiness says what is wrong.
            self.circuit.given_up()
            self.lanes.failed(lane, self.seconds() + _OUR_PAUSE)
        except (RecordBroken, SecurityError):
            await self._stop(lane, urgent, _BROKEN)
        except Exception as fault:
            logs.event("sync-fault", logging.ERROR, reason=type(fault).__name__)
            await self._stop(lane, urgent, _FAULT)
        else:
            self._succeeded(lane, dues, given.effects, given.removed)

    async def _ask(self) -> None:
        replays, self.replays = self.replays, set[str]()
        try:
            for id in replays:
                troubles = await self.board.troubles(self.member.name)
                for one in [id] if id else [trouble.id for trouble in troubles if trouble.way is Way.IN]:
                    await self.polling.replay(one, self.turn)
            if self.polling.is_due():
                self.circuit.begun()
                await self.polling.ask(self.turn, self.still_ours)
                self.tally.last_success = instant(self.clock())
                self._back()
        except OutsideError as error:
            self.tally.last_failure = instant(self.clock())
            if class_of(error) in (Class.BACK_OFF, Class.PARTNER):
                self._away(reason_of(error), retry_after_of(error), at_once=class_of(error) is Class.PARTNER)
            else:
                # It is there, and does not answer this question: what is sent need not wait for that.
                self.circuit.given_up()
                self._event("not-read", f"What is new there could not be read: {reason_of(error)}", self.clock())
        except NotNow as not_now:
            # It is there; what it said cannot be settled, for reasons that are not its own.
            self.circuit.given_up()
            self.polling.next = max(self.polling.next, self.seconds() + (not_now.retry_after or 0.0))
            self._event("not-now", not_now.why, self.clock())
        except (StoreError, KeyUnavailable, Problem):
            self.circuit.given_up()
            self.polling.next = self.seconds() + _OUR_PAUSE
        except Exception as fault:
            self.circuit.given_up()
            logs.event("sync-fault", logging.ERROR, reason=type(fault).__name__)

    def _back(self) -> None:
        """The partner answered as it should."""
        if self.circuit.is_open:
            self._event("back", "The partner's system answers again.", self.clock())
            self.lanes.release_all()
        self.circuit.succeeded()

    def _succeeded(self, lane: Lane, dues: dict[bytes, Due], effects: int, removed: int) -> None:
        now = self.clock()
        if effects:
            self._back()
            self.tally.last_success = instant(now)
            self.tally.lags += [max(0.0, (now - parse_instant(due.committed)).total_seconds()) for due in dues.values()]
        else:
            self.circuit.given_up()
        self.tally.given += effects
        self.tally.removed += removed
        self.stopped.discard(lane.id)
        self.lanes.settled(lane, list(dues))

    async def _failed(self, lane: Lane, urgent: Due, error: OutsideError) -> None:
        what, reason = class_of(error), reason_of(error)
        if isinstance(error, ChangedThere) and self.member.description.sends:
            # What it changed comes in first; what is to be sent is looked at again then.
            what, self.polling.next = Class.BOUNDED, float("-inf")
        self.tally.last_failure = instant(self.clock())
        if what is Class.PARTNER:
            self._away(reason, None, at_once=True)
            self.lanes.put_back(lane)
        elif what is Class.BACK_OFF:
            self._pause(lane, reason, retry_after_of(error))
        elif what is Class.BOUNDED and lane.faults + 1 < MOST_TRIES:
            # Counted apart: how often the partner was away before says nothing of this message.
            self._back()
            limits = self.member.description.limits
            self.lanes.failed(lane, self.seconds() + pause(lane.faults + 1, limits, None, self.part), fault=True)
        else:
            self._back()
            await self._stop(lane, urgent, reason)

    def _pause(self, lane: Lane, reason: str, retry_after: float | None) -> None:
        self._away(reason, retry_after)
        limits = self.member.description.limits
        self.lanes.failed(lane, self.seconds() + pause(lane.attempts + 1, limits, retry_after, self.part))

    def _away(self, reason: str, retry_after: float | None, *, at_once: bool = False) -> None:
        was = self.circuit.is_open
        self.circuit.failed(self.seconds(), reason, retry_after, at_once=at_once)
        if self.circuit.is_open and not was:
            self._event("away", reason, self.clock())
            logs.event("partner-away", logging.WARNING, client=self.member.client.client_id, reason=reason)

    async def _stop(self, lane: Lane, urgent: Due, reason: str) -> None:
        self.circuit.given_up()
        if not self.still_ours():
            self.lanes.put_back(lane)  # whoever serves the partner by now sees for itself
            return
        now = instant(self.clock())
        logs.event("lane-stopped", logging.WARNING, client=self.member.client.client_id, reason=reason)
        trouble = Trouble(
            lane.id.hex(),
            Way.OUT,
            self.dues.subject(self.member.name, urgent.record),
            urgent.cause.value,
            reason,
            now,
            now,
            urgent=urgent.cause.urgent,
        )
        self.stopped.add(lane.id)
        self.lanes.stop(lane)
        try:
            await self.board.trouble(self.member.name, trouble)
        except (StoreError, Problem):
            self.lanes.release(lane.id)  # it could not be written down, so it is tried again

    def _event(self, what: str, words: str, now: datetime) -> None:
        self.tally.events.append(Event(instant(now), what, words))

    def _still(self) -> str:
        """Return the pause that is kept: nothing leaves, and nothing that had begun is under way any more."""
        under_way = self.running or (self.asking is not None and not self.asking.done())
        return "" if under_way else self.paused

    def has_news_for(self, state: PartnerState) -> bool:
        """Say whether the board would say something else if it were written now, or has been silent for long."""
        tally = self.tally
        told = (state.waiting, state.circuit, state.still)
        silent = not state.as_of or self.clock() - parse_instant(state.as_of) > _SILENT
        return bool(tally.given or tally.removed or tally.lags or tally.events or tally.last_failure) or (
            silent or told != (self.lanes.ranks, self.circuit.reason, self._still())
        )

    def write(self, state: PartnerState) -> None:
        """Put what happened since the last time, and how it stands, onto the board."""
        tally, self.tally = self.tally, Tally()
        state.as_of = instant(self.clock())
        state.given += tally.given
        state.removed += tally.removed
        state.lags = [*state.lags, *tally.lags][-MOST_LAGS:]
        state.last_success = tally.last_success or state.last_success
        state.last_failure = tally.last_failure or state.last_failure
        if bool(self.circuit.reason) != bool(state.circuit):
            state.circuit_since = state.as_of if self.circuit.reason else ""
        state.circuit = self.circuit.reason
        state.waiting = self.lanes.ranks
        state.still = self._still()
        state.oldest = min((due.committed for lane in self.lanes.lanes() for due in lane.waiting.values()), default="")
        state.oldest_urgent = min(
            (due.committed for lane in self.lanes.lanes() for due in lane.waiting.values() if due.cause.urgent),
            default="",
        )
        follow(state, tally.last_success)
        for event in tally.events:
            state.note(event)
