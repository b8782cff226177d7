"""A partner may answer anything: it comes out as a fact of the outside, or as a message that a person looks at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adapters
from adapters.base import Message, Untranslatable
from adapters.errors import OutsideError
from adapters.fhir_envelope import Reading, message_of
from adapters.fhir_words import Marks, same
from adapters.mapping import IDENTITY, Mapping, load_mapping
from tests.adapters.fhir_world import OUR_BASE, Ledger, observation, patient, speaking_to, theirs_patient
from tests.adapters.small_server import Asked, Reply, SmallServer, small_server

JUNK: list[Any] = [None, True, 7, "", "x", [], {}, [[7]], ["x"], [None], {"x": 7}]
BASE = "https://hospice.example/fhir"
DIALECTS = [IDENTITY, load_mapping(Path(adapters.__path__[0]) / "mappings" / "hospice-example.json")]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a JSON value."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in steps:
        yield from places(part, (*path, name))


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """Return a value with junk in one place."""
    if not path:
        return junk
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], junk)
    return copy


def whole() -> dict[str, Any]:
    """Return a message with everything in it that is looked at."""
    resource = observation(
        identifier=[{"system": "https://x.example", "value": "1"}],
        extension=[{"url": "https://hospice.example.org/fhir/order-of-preference", "valuePositiveInt": 1}],
        valueCodeableConcept={"coding": [{"system": "http://snomed.info/sct", "code": "110481000000108"}]},
        performer=[{"reference": "Practitioner/d1", "identifier": {"system": "https://x.example", "value": "2"}}],
    )
    marks = Marks(OUR_BASE)
    marks.put_on(resource, "Observation/o1")
    marks.seal(resource)
    return {
        "resource": resource,
        "patient": patient(link=[{"type": "seealso", "other": {"reference": "Patient/p9"}}]),
        "companions": {"Practitioner/d1": {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "X"}]}},
    }


@pytest.mark.parametrize("dialect", DIALECTS, ids=["identity", "hospice"])
def test_a_message_with_junk_in_any_place_is_read_or_named(dialect: Mapping) -> None:
    read = Reading(dialect, frozenset({"Observation"}), BASE, OUR_BASE)
    envelope = whole()
    refused = 0
    for path in places(envelope):
        for junk in JUNK:
            try:
                read(Message("x", json.dumps(replaced(envelope, path, junk)).encode()))
            except Untranslatable:
                refused += 1
    assert refused > 100


def test_what_a_partner_holds_is_compared_whatever_it_is() -> None:
    marks, ours = Marks(OUR_BASE), whole()["resource"]
    assert marks.is_as_sent(ours)
    for path in list(places(ours))[1:]:
        for junk in JUNK:
            spoilt = replaced(ours, path, junk)
            if isinstance(spoilt, dict):
                marks.are_on(spoilt, f"{OUR_BASE}|Observation/o1")
                if spoilt != ours and path[0] not in ("id", "meta"):
                    assert not marks.is_as_sent(spoilt)
                    assert not same(spoilt, ours)


def test_the_message_of_that_property_is_read_when_nothing_is_replaced() -> None:
    envelope = whole()
    companions = {name: json.dumps(one).encode() for name, one in envelope["companions"].items()}
    message = message_of(
        json.dumps(envelope["resource"]).encode(), json.dumps(envelope["patient"]).encode(), companions
    )
    arrived = Reading(IDENTITY, frozenset({"Observation"}), BASE, OUR_BASE)(message)
    assert arrived.theirs == "Observation/o1"
    assert set(arrived.companions) == {"Practitioner/d1"}


@pytest.fixture(scope="module")
def server() -> Iterator[SmallServer]:
    with small_server() as running:
        yield running


LINES = ["POST /fhir/Patient/_search", "POST /fhir/Observation", "PUT", "GET", "POST /fhir/Observation/_search"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(place=st.integers(0, 500), junk=st.sampled_from(JUNK), line=st.sampled_from(LINES), headers=st.booleans())
def test_an_answer_with_junk_in_any_place_is_taken_or_is_a_fact(
    server: SmallServer, place: int, junk: Any, line: str, headers: bool
) -> None:
    def spoilt(asked: Asked, reply: Reply) -> Reply:
        answer = json.loads(reply.body or b"{}")
        ways = list(places(answer))
        body = json.dumps(replaced(answer, ways[place % len(ways)], junk)).encode()
        return Reply(reply.status, body, reply.headers if headers else {"ETag": "?", "Location": "/nowhere"})

    server.held, server.before, server.after, server.keys = {}, [], [], {}
    server.add(theirs_patient())
    server.after = [(line, spoilt)]
    asyncio.run(_live(server))


async def _live(server: SmallServer) -> None:
    """Give, change there, give again, poll and read: whatever fails is one of the two kinds of facts."""
    ledger = Ledger()
    async with speaking_to(server.base, page=0) as partner:
        for text in ("First", "Second", "Third"):
            with suppress(OutsideError):
                await ledger.give(partner, ledger.parcel(observation(text)))
            for one in server.of("Observation"):
                server.change(f"Observation/{one['id']}", valueString="Changed by them")
        with suppress(OutsideError):
            for message in (await partner.poll("")).messages:
                with suppress(Untranslatable):
                    partner.arrived(message)
