"""Whatever is lost on the way, and in whatever order: at the end the partner holds what it shall, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.errors import OutsideError
from adapters.fhir_partner import FhirPartner
from tests.adapters.fhir_world import Ledger, observation, speaking_to, theirs_patient
from tests.adapters.small_server import Reply, SmallServer, cut, small_server

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(["o1", "o2"]), st.sampled_from(["A", "B", "C"])),
        st.tuples(st.just("take back"), st.sampled_from(["o1", "o2"]), st.just("")),
        st.tuples(st.just("deliver"), st.just(""), st.just("")),
        st.tuples(st.just("lose"), st.sampled_from(["POST /fhir/O", "PUT", "DELETE", "GET"]), st.just("")),
        st.tuples(st.just("fail"), st.sampled_from(["POST /fhir/O", "PUT", "DELETE", "GET"]), st.just("")),
        st.tuples(st.just("start again"), st.just(""), st.just("")),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def server() -> Iterator[SmallServer]:
    with small_server() as running:
        yield running


@pytest.mark.parametrize("once", ["if-none-exist", "idempotency-key"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@example([("say", "o1", "A"), ("lose", "POST /fhir/O", ""), ("deliver", "", ""), ("take back", "o1", "")])
@example([("say", "o1", "A"), ("lose", "POST /fhir/O", ""), ("deliver", "", ""), ("start again", "", ""),
          ("say", "o1", "B")])  # fmt: skip
@given(steps=STEPS)
def test_the_partner_ends_with_what_it_shall_hold(
    server: SmallServer, once: str, steps: list[tuple[str, str, str]]
) -> None:
    server.held, server.before, server.after, server.keys = {}, [], [], {}
    server.add(theirs_patient())
    asyncio.run(_live(server, once, steps))


async def _live(server: SmallServer, once: str, steps: list[tuple[str, str, str]]) -> None:
    wanted: dict[str, str] = {}
    ledger = Ledger()

    async def delivered(partner: FhirPartner) -> bool:
        """Deliver as the engine does: what differs from what was confirmed, remembering first what is sent."""
        gone = tuple(name for name in ledger.held if not name.startswith("Patient/") and name[12:] not in wanted)
        parcel = ledger.parcel(*(observation(text, id) for id, text in wanted.items()), gone=gone)
        ledger.intend(parcel)
        try:
            await ledger.give(partner, parcel)
        except OutsideError:
            return False
        return True

    async with AsyncExitStack() as opened:
        partner = await opened.enter_async_context(speaking_to(server.base, once=once))
        for what, which, text in steps:
            if what == "say":
                wanted[which] = text
            elif what == "take back":
                wanted.pop(which, None)
            elif what == "lose":
                server.after.append((which, cut))
            elif what == "fail":
                server.before.append((which, Reply(500)))
            elif what == "deliver":
                await delivered(partner)
            else:
                partner = await opened.enter_async_context(speaking_to(server.base, once=once))
        while not await delivered(partner):
            pass  # each try uses up a fault, and there are only so many

    there = {one["identifier"][0]["value"]: one["valueString"] for one in server.of("Observation")}
    assert there == {f"Observation/{id}": text for id, text in wanted.items()}
    assert len(server.of("Observation")) == len(wanted)
    assert {name: held.theirs for name, held in ledger.held.items() if name.startswith("Observation/")} == {
        one["identifier"][0]["value"]: f"Observation/{one['id']}" for one in server.of("Observation")
    }
