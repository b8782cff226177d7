"""The numbers of partners: right whichever process is asked, honest when the board cannot be read, naming nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from adapters.errors import ContentRefused, Unreachable
from security.clock import instant
from service.store.errors import StoreUnavailable
from service.sync.board import PartnerState
from service.sync.measures import FRESH_SECONDS, SyncMeasures
from service.sync.subscribed import SubscriptionPage
from tests.service.record.house import person
from tests.service.sync.partner import member
from tests.service.sync.world import World, world

Numbers = dict[tuple[str, ...], float]


def measures(opened: World) -> SyncMeasures:
    """Return the measures of a process that serves nobody."""
    page = SubscriptionPage.of(opened.house.records)
    return SyncMeasures(opened.members, opened.engine.board, page, opened.time.clock, lambda: opened.time.seconds)


async def numbers(asked: SyncMeasures) -> Numbers:
    """Scrape, and return every sample by its name and the values of its labels, the partner first."""
    await asked.refresh()
    families = text_string_to_metric_families(generate_latest(asked.registry).decode())
    order = ("partner", "lane", "quantile", "way", "state")
    return {
        (one.name, *(one.labels[label] for label in order if label in one.labels)): one.value
        for family in families
        for one in family.samples
    }


async def test_they_say_what_was_given_what_waits_and_what_is_stopped(keys_home: Path, tmp_path: Path) -> None:
    async with world(keys_home, tmp_path, member(), member("surgery", "ZZGP01", "gp")) as opened:
        number, bundle = person(71, place="hospice")
        opened.places["surgery"].faults.append(("before", ContentRefused()))
        await opened.house.post(bundle)
        await opened.run()
        state = await opened.state()
        found = await numbers(measures(opened))
        assert found["epaccs_sync_board_readable",] == 1
        assert found["epaccs_sync_given_total", "hospice"] == state.given > 0
        assert found["epaccs_sync_served", "hospice"] == 1
        assert found["epaccs_sync_waiting", "hospice", "routine"] == 0
        assert found["epaccs_sync_lag_seconds", "hospice", "0.95"] == state.lag(0.95)
        assert instant(opened.time.now)[:16] == state.last_success[:16]
        assert found["epaccs_sync_last_success_timestamp_seconds", "hospice"] > 0
        assert found["epaccs_sync_troubles", "hospice", "out", "open"] == 0
        assert found["epaccs_sync_troubles", "surgery", "out", "open"] == 1
        assert ("epaccs_sync_last_success_timestamp_seconds", "surgery") not in found, "it never was"
        told = generate_latest(measures(opened).registry).decode()
        assert number not in told


async def test_what_is_away_and_waits_ages(keys_home: Path, tmp_path: Path) -> None:
    async with world(keys_home, tmp_path, member()) as opened:
        opened.places["hospice"].down = Unreachable("x")
        _, bundle = person(72, place="hospice")
        await opened.house.post(bundle)
        await opened.run(forward=40)
        await opened.state()
        asked = measures(opened)
        found = await numbers(asked)
        assert found["epaccs_sync_circuit_open", "hospice"] == 1
        waiting = {key[2]: value for key, value in found.items() if key[0] == "epaccs_sync_waiting"}
        assert sum(waiting.values()) == 1
        assert found["epaccs_sync_oldest_seconds", "hospice"] >= 40
        opened.time.forward(FRESH_SECONDS + 60)
        later = await numbers(asked)
        assert later["epaccs_sync_oldest_seconds", "hospice"] >= 100


async def test_what_must_not_wait_has_an_age_of_its_own(keys_home: Path, tmp_path: Path) -> None:
    async with world(keys_home, tmp_path, member()) as opened:

        def edit(state: PartnerState) -> None:
            state.waiting = {0: 1, 2: 3}
            state.oldest = instant(opened.time.now - timedelta(seconds=300))
            state.oldest_urgent = instant(opened.time.now - timedelta(seconds=90))

        await opened.engine.board.change("hospice", edit)
        found = await numbers(measures(opened))
        assert found["epaccs_sync_oldest_urgent_seconds", "hospice"] == 90
        assert found["epaccs_sync_oldest_seconds", "hospice"] == 300
        assert found["epaccs_sync_waiting", "hospice", "urgent"] == 1


async def test_asked_at_once_it_is_read_once_and_what_cannot_be_read_is_said(keys_home: Path, tmp_path: Path) -> None:
    async with world(keys_home, tmp_path, member()) as opened:
        asked = measures(opened)
        assert (await numbers(asked))["epaccs_sync_served", "hospice"] == 0
        await opened.run()
        await opened.state()
        opened.time.forward(FRESH_SECONDS)
        assert (await numbers(asked))["epaccs_sync_served", "hospice"] == 1
        restore = _broken(opened)
        assert (await numbers(asked))["epaccs_sync_served", "hospice"] == 1, "as it was read a moment ago"
        opened.time.forward(FRESH_SECONDS)
        assert await numbers(asked) == {("epaccs_sync_board_readable",): 0}
        restore()
        opened.time.forward(FRESH_SECONDS)
        assert (await numbers(asked))["epaccs_sync_board_readable",] == 1


def _broken(opened: World) -> Callable[[], None]:
    """Let the store fail; return what mends it."""
    store = opened.house.opened.store

    async def gone(token: bytes) -> None:
        raise StoreUnavailable("x")

    vars(store)["claimed"] = gone

    def mend() -> None:
        del vars(store)["claimed"]

    return mend
