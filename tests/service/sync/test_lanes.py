"""Lanes against a model: nothing lost, one thing at a time in each, urgent first, and every number right."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapters.base import Cause
from service.sync.due import Due
from service.sync.lanes import Lane, Lanes

LANES = [bytes([number]) * 16 for number in range(4)]
_lane = st.sampled_from(LANES)
_causes = st.sampled_from(list(Cause))


class LanesMachine(RuleBasedStateMachine):
    """Deliveries come, are sent, fail, stop and are released, in any order; `waiting` is what must be there."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes()
        self.now = 100.0
        self.waiting: dict[bytes, dict[bytes, Due]] = {lane: {} for lane in LANES}
        self.sending: dict[bytes, tuple[Lane, list[bytes]]] = {}
        self.stopped: set[bytes] = set()
        self.not_before = dict.fromkeys(LANES, 0.0)
        self.number = 0

    @rule(lane=_lane, cause=_causes)
    def comes(self, lane: bytes, cause: Cause) -> None:
        self.number += 1
        delivery, due = b"%d" % self.number, Due("hospice", lane, self.number, cause, "2026-03-01T10:00:00Z")
        assert self.lanes.add(delivery, lane, due)
        if lane in self.stopped or cause.urgent:
            self.stopped.discard(lane)
            self.not_before[lane] = 0.0
        self.waiting[lane][delivery] = due

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        """What is read from the store twice waits once."""
        lane = data.draw(st.sampled_from([lane for lane, waiting in self.waiting.items() if waiting]))
        delivery, due = next(iter(self.waiting[lane].items()))
        assert self.lanes.has(delivery, lane)
        assert not self.lanes.add(delivery, lane, due)

    @rule()
    def is_sent(self) -> None:
        """What is next has the best rank of all that may be sent; nobody else is left waiting for nothing."""
        ready = {
            lane: min(due.cause.rank for due in waiting.values())
            for lane, waiting in self.waiting.items()
            if waiting and lane not in self.sending | dict.fromkeys(self.stopped) and self.not_before[lane] <= self.now
        }
        lane = self.lanes.next(self.now)
        if lane is None:
            assert not ready
            return
        assert lane.id in ready
        assert ready[lane.id] == min(ready.values())
        assert lane.waiting == self.waiting[lane.id]
        assert lane.newest.sequence == max(due.sequence for due in lane.waiting.values())
        self.sending[lane.id] = (lane, list(lane.waiting))

    @precondition(lambda self: self.sending)
    @rule(data=st.data())
    def arrives(self, data: st.DataObject) -> None:
        lane, sent = self.sending.pop(data.draw(st.sampled_from(sorted(self.sending))))
        self.lanes.settled(lane, sent)
        for delivery in sent:
            del self.waiting[lane.id][delivery]
        self.stopped.discard(lane.id)
        self.not_before[lane.id] = 0.0

    @precondition(lambda self: self.sending)
    @rule(data=st.data(), pause=st.sampled_from([0.5, 3.0, 90.0]))
    def fails(self, data: st.DataObject, pause: float) -> None:
        lane, _ = self.sending.pop(data.draw(st.sampled_from(sorted(self.sending))))
        before = lane.attempts
        self.lanes.failed(lane, self.now + pause)
        assert lane.attempts == before + 1
        self.not_before[lane.id] = self.now + pause

    @precondition(lambda self: self.sending)
    @rule(data=st.data())
    def is_put_back(self, data: st.DataObject) -> None:
        lane, _ = self.sending.pop(data.draw(st.sampled_from(sorted(self.sending))))
        self.lanes.put_back(lane)

    @precondition(lambda self: self.sending)
    @rule(data=st.data())
    def is_refused(self, data: st.DataObject) -> None:
        lane, _ = self.sending.pop(data.draw(st.sampled_from(sorted(self.sending))))
        self.lanes.stop(lane)
        self.stopped.add(lane.id)

    @rule(lane=_lane)
    def was_found_stopped(self, lane: bytes) -> None:
        assert self.lanes.stop_id(lane) == bool(self.waiting[lane])
        if self.waiting[lane] and lane not in self.sending:
            self.stopped.add(lane)

    @rule(lane=_lane)
    def is_released(self, lane: bytes) -> None:
        assert self.lanes.release(lane) == bool(self.waiting[lane])
        self.stopped.discard(lane)
        self.not_before[lane] = 0.0

    @rule()
    def all_are_released(self) -> None:
        self.lanes.release_all()
        for lane in LANES:
            if lane not in self.stopped:
                self.not_before[lane] = 0.0

    @rule(seconds=st.sampled_from([0.25, 1.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def nothing_is_lost_and_all_is_counted(self) -> None:
        there = {lane.id: lane.waiting for lane in self.lanes.lanes()}
        assert there == {lane: waiting for lane, waiting in self.waiting.items() if waiting}
        counted = Counter(due.cause.rank for waiting in self.waiting.values() for due in waiting.values())
        assert self.lanes.ranks == dict(counted)
        assert len(self.lanes) == sum(counted.values())

    def teardown(self) -> None:
        """Everything that waits is sent in the end, once it may be."""
        for lane, sent in self.sending.values():
            self.lanes.settled(lane, sent)
        for lane_id in LANES:
            self.lanes.release(lane_id)
        while (left := self.lanes.next(self.now + 1_000)) is not None:
            self.lanes.settled(left, list(left.waiting))
        assert len(self.lanes) == 0
        assert self.lanes.lanes() == []


TestLanes = LanesMachine.TestCase
TestLanes.settings = settings(stateful_step_count=40)


def test_of_equal_rank_the_first_that_came_is_the_first_that_goes() -> None:
    lanes = Lanes()
    for number, lane in enumerate(LANES):
        lanes.add(b"%d" % number, lane, Due("hospice", lane, 1, Cause.CHANGE, ""))
    lanes.add(b"urgent", LANES[3], Due("hospice", LANES[3], 2, Cause.DEATH, ""))
    order = []
    while (found := lanes.next(0.0)) is not None:
        order.append(found.id)
        lanes.settled(found, list(found.waiting))
    assert order == [LANES[3], *LANES[:3]]
