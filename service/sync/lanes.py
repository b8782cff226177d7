"""What waits for one partner, lane by lane: what is sent next, and what has to wait. Pure; nothing of a person is here.

A lane is one person and one partner. One thing at a time is sent in a lane, so its order is kept; lanes do not wait for
each other. What is urgent takes its lane to the front. A lane that failed waits for its own time; one that a person has
to look at (`stopped`) lets nothing through until something urgent or new comes, or somebody says so.

Everything that waits in a lane is settled together, because what is sent is the newest state.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

from service.sync.due import Due

Place = tuple[int, int]
"""Rank, then order of arrival: what is sent first."""


@dataclass(slots=True)
class Lane:
    """One lane. `waiting` are dues by the id of their delivery."""

    id: bytes
    waiting: dict[bytes, Due] = field(default_factory=dict)
    place: Place = (9, 0)
    attempts: int = 0
    faults: int = 0
    """Failures of the kind that is tried only so often, since something last came through."""
    retry_at: float = 0.0
    busy: bool = False
    stopped: bool = False

    @property
    def newest(self) -> Due:
        """The due of the newest commit."""
        return max(self.waiting.values(), key=lambda due: due.sequence)

    @property
    def most_urgent(self) -> Due:
        """The due with the most urgent cause, the oldest of them."""
        return min(self.waiting.values(), key=lambda due: (due.cause.rank, due.sequence))


class Lanes:
    """The lanes of one partner."""

    def __init__(self) -> None:
        self._lanes: dict[bytes, Lane] = {}
        self._ready: list[tuple[Place, bytes]] = []
        self._later: list[tuple[float, bytes]] = []
        self._arrivals = 0
        self._ranks: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many deliveries wait."""
        return sum(self._ranks.values())

    @property
    def ranks(self) -> dict[int, int]:
        """How many wait by rank."""
        return {rank: count for rank, count in self._ranks.items() if count}

    def lanes(self) -> list[Lane]:
        """Every lane in which something waits."""
        return list(self._lanes.values())

    def has(self, delivery: bytes, lane_id: bytes) -> bool:
        """Say whether a delivery waits here."""
        lane = self._lanes.get(lane_id)
        return lane is not None and delivery in lane.waiting

    def waits_in(self, lane_id: bytes) -> bool:
        """Say whether anything waits in a lane."""
        return lane_id in self._lanes

    def add(self, delivery: bytes, lane_id: bytes, due: Due) -> bool:
        """Let a delivery wait; say whether it is new. A lane that is stopped is tried again for what is new in it."""
        lane = self._lanes.setdefault(lane_id, Lane(lane_id))
        if delivery in lane.waiting:
            return False
        lane.waiting[delivery] = due
        self._arrivals += 1
        self._ranks[due.cause.rank] += 1
        place = (due.cause.rank, self._arrivals)
        if lane.stopped or due.cause.urgent:
            # What is new may be what mends it; and what is urgent waits for no pause.
            lane.stopped, lane.faults, lane.retry_at = False, 0, 0.0
            lane.place = min(lane.place, place)
            self._queue(lane)
        elif place < lane.place:
            lane.place = place
            self._queue(lane)
        return True

    def next(self, now: float, *, urgent_only: bool = False) -> Lane | None:
        """Return the lane to send in now, marked as busy; None when there is none, or (`urgent_only`) no urgent one."""
        while self._later and self._later[0][0] <= now:
            _, lane_id = heapq.heappop(self._later)
            lane = self._lanes.get(lane_id)
            if lane is not None and lane.retry_at <= now:
                self._queue(lane)
        while self._ready and not (urgent_only and self._ready[0][0][0] > 0):
            place, lane_id = heapq.heappop(self._ready)
            lane = self._lanes.get(lane_id)
            if lane is None or lane.busy or lane.stopped or place != lane.place or lane.retry_at > now:
                continue
            lane.busy = True
            return lane
        return None

    def next_retry(self) -> float | None:
        """Return when the next lane's pause is over, None when none waits for that."""
        return self._later[0][0] if self._later else None

    def settled(self, lane: Lane, deliveries: list[bytes]) -> None:
        """What was sent is done; whatever came meanwhile has its turn."""
        self._forget(lane, deliveries)
        lane.busy, lane.attempts, lane.faults, lane.retry_at = False, 0, 0, 0.0
        self._again(lane)

    def failed(self, lane: Lane, retry_at: float, *, fault: bool = False) -> None:
        """It did not arrive: not before `retry_at`. `fault`: by a failure of the kind that is tried only so often."""
        lane.busy, lane.attempts, lane.retry_at = False, lane.attempts + 1, retry_at
        lane.faults += fault
        self._again(lane)

    def put_back(self, lane: Lane) -> None:
        """It was not tried after all."""
        lane.busy = False
        self._again(lane)

    def stop(self, lane: Lane) -> None:
        """Nothing goes through before somebody looked, or something new comes."""
        lane.busy, lane.stopped = False, True

    def stop_id(self, lane_id: bytes) -> bool:
        """Stop a lane that is not busy, as found stopped when the partner was taken over; say if anything waits there.

        A busy one is being tried already, and that will tell.
        """
        lane = self._lanes.get(lane_id)
        if lane is None:
            return False
        if not lane.busy:
            lane.stopped = True
        return True

    def release(self, lane_id: bytes) -> bool:
        """Let a stopped or pausing lane try again now; say whether anything waits in it."""
        lane = self._lanes.get(lane_id)
        if lane is None:
            return False
        lane.stopped, lane.attempts, lane.faults, lane.retry_at = False, 0, 0, 0.0
        if not lane.busy:
            self._queue(lane)
        return True

    def release_all(self) -> None:
        """Let every lane that pauses try again now; those that are stopped stay so."""
        for lane in self._lanes.values():
            if not lane.stopped:
                self.release(lane.id)

    def _forget(self, lane: Lane, deliveries: list[bytes]) -> None:
        for delivery in deliveries:
            due = lane.waiting.pop(delivery, None)
            if due is not None:
                self._ranks[due.cause.rank] -= 1
        if not lane.waiting:
            self._lanes.pop(lane.id, None)

    def _again(self, lane: Lane) -> None:
        if not lane.waiting:
            return
        self._arrivals += 1
        rank = lane.most_urgent.cause.rank
        lane.place = (rank, self._arrivals)
        if lane.retry_at:
            heapq.heappush(self._later, (lane.retry_at, lane.id))
        self._queue(lane)

    def _queue(self, lane: Lane) -> None:
        heapq.heappush(self._ready, (lane.place, lane.id))
