"""The board: what people see and say of a partner, whichever process they ask, and however many write at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sync import board as pages
from service.sync.board import MOST_EVENTS, Board, Event, PartnerState, Trouble, Way
from service.sync.orders import MOST_ORDERS, Command, order
from tests.service.record.house import NOW, House, house

LANE = "aa" * 16


def trouble(id: str = LANE, way: Way = Way.OUT, reason: str = "It was refused.", *, urgent: bool = False) -> Trouble:
    """Return something for a person to look at."""
    return Trouble(
        id, way, "keyed", "change", reason, "2026-03-02T09:00:00.000Z", "2026-03-02T09:00:00.000Z", urgent=urgent
    )


async def test_the_same_again_is_one_more_try_of_it(keys_home: Path, tmp_path: Path) -> None:
    """Put aside it stays so, unless what is urgent fails as well; the way out and the way in are apart."""
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        board = Board.of(opened.records)
        await board.trouble("hospice", trouble())
        assert await board.park("hospice", LANE, Way.OUT)
        await board.trouble("hospice", trouble(reason="Again."))
        await board.trouble("hospice", trouble(way=Way.IN))
        out, into = await board.troubles("hospice")
        assert (out.tries, out.reason, out.parked) == (2, "Again.", True)
        assert (into.tries, into.parked) == (1, False)
        await board.trouble("hospice", trouble(urgent=True))
        assert not (await board.troubles("hospice"))[0].parked
        assert await board.settled("hospice", LANE, Way.OUT)
        assert not await board.settled("hospice", LANE, Way.OUT)
        assert not await board.park("hospice", LANE, Way.OUT)
        assert [one.way for one in await board.troubles("hospice")] == [Way.IN]
        assert await board.troubles("elsewhere") == []


async def test_there_is_an_end_to_the_list(keys_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest stay."""
    monkeypatch.setattr(pages, "MOST_TROUBLES", 2)
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        board = Board.of(opened.records)
        for number in range(3):
            await board.trouble("hospice", trouble(f"{number:032x}"))
        assert [one.id for one in await board.troubles("hospice")] == [f"{number:032x}" for number in range(2)]


async def test_two_processes_change_one_page_at_once(keys_home: Path, tmp_path: Path) -> None:
    """Neither loses what the other said."""
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        boards = [Board.of(opened.records), Board.of(_another(opened).records)]

        def one_more(state: PartnerState) -> None:
            state.given += 1

        await asyncio.gather(*[board.change("hospice", one_more) for _ in range(4) for board in boards])
        assert (await boards[0].state("hospice")).given == 8


async def test_orders_and_pauses(keys_home: Path, tmp_path: Path) -> None:
    """The same order twice is one; a pause keeps who paused first, and both are events."""
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        board = Board.of(opened.records)
        await order(board, "hospice", Command.RETRY)
        await order(board, "hospice", Command.RETRY)
        await order(board, "hospice", Command.REPLAY, "bb")
        await board.pause("hospice", "Engineer One", NOW)
        await board.pause("hospice", "Engineer Two", NOW + timedelta(minutes=1))
        state = await board.state("hospice")
        assert state.orders == [("retry", ""), ("replay", "bb")]
        assert (state.paused_by, [event.what for event in state.events]) == ("Engineer One", ["paused"])
        await board.resume("hospice", "Engineer Two", NOW)
        await board.resume("hospice", "Engineer Two", NOW)
        state = await board.state("hospice")
        assert (state.paused, [event.what for event in state.events]) == ("", ["paused", "resumed"])
        for number in range(MOST_ORDERS + 5):
            await order(board, "hospice", Command.REPLAY, f"{number}")
        assert len((await board.state("hospice")).orders) == MOST_ORDERS


def _another(opened: House) -> House:
    return opened.on(opened.opened.store)


@given(lags=st.lists(st.floats(0, 1e5), max_size=50), part=st.floats(0, 1))
def test_a_lag_is_one_of_those_that_were(lags: list[float], part: float) -> None:
    lag = PartnerState(lags=lags).lag(part)
    if not lags:
        assert lag is None
    else:
        assert lag in lags
        assert sum(one <= lag for one in lags) >= part * len(lags)


def test_the_oldest_events_go() -> None:
    state = PartnerState()
    for number in range(MOST_EVENTS + 3):
        state.note(Event(f"{number}", "away", f"Away for the {number}th time."))
    assert len(state.events) == MOST_EVENTS
    assert state.events[-1].time == f"{MOST_EVENTS + 2}"
