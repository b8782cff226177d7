"""Subscriptions where something is wrong: addresses that lead into our own network, and crashes between two steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.http import Guard
from service.store.errors import StoreUnavailable
from service.sync.outbox import Outboxes
from tests.adapters.receiving import Receiver, receiving
from tests.adapters.test_addresses import answering
from tests.haystack import Haystack
from tests.service.sync.hooked import HOSTS, Hooked, events_of, hooked, quiet, subscribing_of, subscription, system

Json = dict[str, Any]
STEPS = ["store.done", "outboxes.change", "store.append_audit", "pages.change", "store.fetch"]


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    """Return an endpoint that takes everything."""
    with receiving() as one:
        yield one


def named(endpoint: Receiver) -> Json:
    """Return a Subscription whose endpoint has a name."""
    return subscription(endpoint.port, endpoint=f"http://told.example.org:{endpoint.port}/told")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def changed_medicine(opened: Hooked, index: int) -> str:
    """Admit somebody, let all be told, and return a medicine."""
    _, references = await opened.admitted(index)
    await opened.run()
    return next(one for one in references if one.startswith("MedicationRequest/"))


async def test_a_name_that_leads_elsewhere_the_second_time_is_not_followed(
    keys_home: Path, tmp_path: Path, endpoint: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handshake goes to the address that the name had; then the name is that of a cloud's credentials."""
    asked = answering(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    async with hooked(keys_home, tmp_path) as opened:
        kept = await opened.made(named(endpoint))
        assert (await opened.status(kept)).status == "active"
        await changed_medicine(opened, 21)
        assert len(asked) == 2, "it is looked up at every sending"
        stands = await opened.status(kept)
        assert (stands.status, stands.error) == ("error", "The partner's address is not one that may be sent to.")
        assert len(endpoint.received) == 1


@pytest.mark.parametrize(
    "guard", [Guard(HOSTS, private=False), Guard(frozenset({"elsewhere.example.org"}), private=True)]
)
async def test_what_is_not_sent_to_any_more_gets_nothing(
    keys_home: Path, tmp_path: Path, endpoint: Receiver, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private address outside a sandbox, and a host that was taken off the list: judged when it is sent."""
    answering(monkeypatch, ["127.0.0.1"])
    async with hooked(keys_home, tmp_path) as opened:
        kept = await opened.subscriptions.create(system(), named(endpoint))
        await opened.world.relay.finish()
        other = opened.another(guard)
        await opened.run(25, other)
        assert (await opened.status(kept)).status == "error"
        assert endpoint.received == []
        await other.relay.finish()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fails", [1, 2, 3])
async def test_whatever_fails_between_two_steps_nothing_is_lost_and_numbers_stay(
    keys_home: Path, tmp_path: Path, endpoint: Receiver, step: str, fails: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails once at a step, and another process goes on from what is durable."""
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port))
        medicine = await changed_medicine(opened, 22)
        before = events_of(endpoint)
        what, _, name = step.partition(".")
        holders = {
            "store": opened.opened.store,
            "outboxes": Outboxes,
            "pages": type(opened.opened.subscriptions.page.pages),
        }
        real: Callable[..., Awaitable[Any]] = getattr(holders[what], name)
        calls = 0

        async def failing(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == fails:
                raise StoreUnavailable("a test says so")
            return await real(*arguments, **named)

        await opened.note_again(medicine, "Once, whatever happens")
        with monkeypatch.context() as patched:
            patched.setattr(holders[what], name, failing)
            with suppress(StoreUnavailable):
                await quiet(opened.world.engine)
        assert calls >= 1, "the step is there to fail"
        await opened.world.relay.finish()
        other = opened.another()
        await opened.run(15, other)
        told = events_of(endpoint)[len(before) :]
        assert set(told) == {(len(before) + 1, medicine)}, "the same number whenever it comes again"
        assert await opened.world.waiting() == 0
        await other.relay.finish()


async def test_one_process_is_asleep_past_its_lease(keys_home: Path, tmp_path: Path, endpoint: Receiver) -> None:
    """Who was asleep sends nothing more, and what it had taken up is told once by whoever came after."""
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port))
        medicine = await changed_medicine(opened, 23)
        before = events_of(endpoint)
        await opened.note_again(medicine, "While it slept")
        opened.time.forward(120)
        other = opened.another()
        await opened.run(12, other)
        assert subscribing_of(other).lease.turn
        await quiet(opened.world.engine)
        assert events_of(endpoint)[len(before) :] == [(len(before) + 1, medicine)]
        await other.relay.finish()


async def test_at_rest_nothing_of_a_subscription_can_be_read(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    """Whom it is about, where it goes and with which words: in no file."""
    async with hooked(keys_home, tmp_path) as opened:
        _, references = await opened.admitted(24)
        patient = next(one for one in references if one.startswith("Patient/"))
        await opened.made(subscription(endpoint.port, patient, header=["X-Word: heliotrope-aviary-word"]))
        await opened.note_again(next(one for one in references if one.startswith("MedicationRequest/")), "Again")
        await opened.run()
        assert endpoint.received[-1].headers["x-word"] == "heliotrope-aviary-word"
        words = {"heliotrope-aviary-word", patient, f"127.0.0.1:{endpoint.port}/told", "The ward wants to know"}
        files = contents(tmp_path)
        assert "records.sqlite" in files
        assert [found for name, content in files.items() for found in Haystack.of(name, content).find(words)] == []
