"""How partners stand as numbers for Prometheus, with a partner's name as the only thing that labels name.

Read from the board when somebody asks, so that each of several processes answers for all of them, whichever serves a
partner. Several who ask at once get one reading.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from security.clock import Clock, parse_instant
from security.errors import SecurityError
from service.record.errors import Problem, RecordBroken
from service.store.errors import StoreError
from service.sync.board import Board, Way
from service.sync.members import Member
from service.sync.standing import Standing
from service.sync.subscribed import SubscriptionPage

FRESH_SECONDS = 2.0
"""For how long a reading is given again; the board itself is written once a second at most."""
_WITHIN_SECONDS = 3.0
_PREFIX = "epaccs_sync_"


@dataclass(slots=True, eq=False)
class SyncMeasures(Collector):
    """Reads and gives them. `seconds` only goes forward."""

    members: Mapping[str, Member]
    board: Board
    subscriptions: SubscriptionPage
    clock: Clock
    seconds: Callable[[], float]
    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=False))
    _standings: list[Standing] = field(default_factory=list)
    _subscribed: Counter[str] = field(default_factory=Counter)
    _readable: bool = True
    _read: float = float("-inf")
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.registry.register(self)

    async def refresh(self) -> None:
        """Read the board, unless it was read just now. While it cannot be read there are no numbers of partners."""
        async with self._reading:
            if self.seconds() - self._read < FRESH_SECONDS:
                return
            try:
                async with asyncio.timeout(_WITHIN_SECONDS):
                    self._standings = [await self._standing(member) for member in self.members.values()]
                    self._subscribed = Counter(one.status for one in await self.subscriptions.all())
                self._readable = True
            except (StoreError, Problem, RecordBroken, SecurityError, TimeoutError):
                self._standings, self._subscribed, self._readable = [], Counter(), False
            self._read = self.seconds()

    def collect(self) -> Iterator[Metric]:
        """Yield what was read."""
        if self._subscribed:
            subscribed = GaugeMetricFamily(f"{_PREFIX}subscriptions", "FHIR Subscriptions", labels=["status"])
            for status in ("requested", "active", "error", "off"):
                subscribed.add_metric([status], self._subscribed[status])
            yield subscribed
        if not self.members:
            return
        readable = GaugeMetricFamily(f"{_PREFIX}board_readable", "Whether the state of partners could be read")
        readable.add_metric([], float(self._readable))
        yield readable
        yield from self._families()

    async def _standing(self, member: Member) -> Standing:
        name = member.name
        return Standing(member, await self.board.state(name), await self.board.troubles(name), self.clock())

    def _families(self) -> Iterator[Metric]:
        def gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(_PREFIX + name, meaning, labels=["partner", *labels])

        waiting = gauge("waiting", "Deliveries that wait", "lane")
        oldest = gauge("oldest_seconds", "Seconds since the commit of the oldest that waits, 0 for none")
        urgent = gauge("oldest_urgent_seconds", "The same of revocations, withdrawals and deaths")
        success = gauge("last_success_timestamp_seconds", "When the partner last answered as it should")
        lag = gauge("lag_seconds", "Seconds from commit to delivered, of the last deliveries", "quantile")
        circuit = gauge("circuit_open", "Whether the partner is away")
        paused = gauge("paused", "Whether somebody paused the partner")
        served = gauge("served", "Whether a process serves the partner")
        troubles = gauge("troubles", "What a person has to look at", "way", "state")
        counters = {
            name: CounterMetricFamily(_PREFIX + name, meaning, labels=["partner"])
            for name, meaning in (
                ("given", "Resources given to the partner"),
                ("removed", "Resources taken back from the partner"),
                ("taken", "Messages of the partner taken in"),
            )
        }
        for one in self._standings:
            name, state = one.member.name, one.state
            for word, count in one.waiting.items():
                waiting.add_metric([name, word], count)
            oldest.add_metric([name], _age(one, state.oldest))
            urgent.add_metric([name], _age(one, state.oldest_urgent))
            if state.last_success:
                success.add_metric([name], parse_instant(state.last_success).timestamp())
            for quantile, seconds in zip(("0.5", "0.95"), one.lag, strict=True):
                if seconds is not None:
                    lag.add_metric([name, quantile], seconds)
            circuit.add_metric([name], bool(state.circuit))
            paused.add_metric([name], bool(state.paused))
            served.add_metric([name], one.served)
            for way in Way:
                for word, entries in (("open", one.open), ("put-aside", one.parked)):
                    troubles.add_metric([name, way.value, word], sum(entry.way is way for entry in entries))
            for word, counter in counters.items():
                counter.add_metric([name], getattr(state, word))
        yield from (waiting, oldest, urgent, success, lag, circuit, paused, served, troubles, *counters.values())


def _age(one: Standing, when: str) -> float:
    return max(0.0, (one.now - parse_instant(when)).total_seconds()) if when else 0.0
