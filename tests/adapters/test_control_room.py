"""The kind `control-room` against a real server: what is sent, and what a description must say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from joserfc.jwk import ECKey, KeySet

from adapters.base import HeldThere, Message, Receipt, Untranslatable
from adapters.control_room import ControlRoomAdapter
from adapters.control_room_events import IncidentAnswer, TakesAnswers
from adapters.errors import ContentRefused, Overloaded
from adapters.partners import Description, Owner, Partner
from adapters.registry import Surroundings, kind_of
from security.errors import InvalidConfiguration
from security.event_signature import signing_key
from tests.adapters.guides import guide_blocks, guide_sample
from tests.adapters.parcels import OBSERVATION, PERSON, given_by, parcel, put, removal
from tests.adapters.receiving import Receiver, receiving
from tests.running import REPOSITORY

KEY = ECKey.generate_key("P-256")
NOW = datetime(2026, 11, 2, 14, 41, tzinfo=UTC)
BASE = "https://record.test/fhir/R4"
SCHEMA = jsonschema_rs.validator_for(json.loads((REPOSITORY / "docs/control-room-event.schema.json").read_text()))
HOME = {"use": "home", "line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}
ANSWER = IncidentAnswer(
    "i1", "CAD-1", "ZZAMB1", "2026-11-02T14:41:00.000Z", 4, {"resourceType": "Bundle", "type": "document", "entry": []}
)


def described(port: int = 1, **more: Any) -> Partner:
    told: dict[str, Any] = {"settings": {"address": f"http://127.0.0.1:{port}/events", "hosts": ["127.0.0.1"]}, **more}
    owner = Owner("Desk", "ZZAMB1")
    return Partner(Description(name="room", kind="control-room", title="R", client="r", owner=owner, **told), Path())


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def room(server: Receiver) -> ControlRoomAdapter:
    partner = described(server.port)
    around = Surroundings(lambda: NOW, BASE, KEY.as_pem(private=True), private_addresses=True)
    server.received.clear()
    adapter = kind_of(partner).adapter(partner, around)
    assert isinstance(adapter, ControlRoomAdapter)
    assert isinstance(adapter, TakesAnswers)
    return adapter


def heard(server: Receiver) -> dict[str, Any]:
    """Verify what was received as the guide of webhooks says, and return the event."""
    verified = guide_sample("webhooks")["verified"]
    keys = KeySet.import_key_set({"keys": [signing_key(KEY.as_pem(private=True)).as_dict(private=False)]})
    (one,) = server.received
    address = f"http://127.0.0.1:{server.port}/events"
    event: dict[str, Any] = verified(one.body, one.headers["epaccs-signature"], keys, address, NOW.timestamp())
    SCHEMA.validate(event)
    return event


async def test_a_parcel_is_told_as_flags_and_confirmed_whole(server: Receiver) -> None:
    adapter = room(server)
    what = parcel(patient={**PERSON, "address": [HOME]}, plan=(OBSERVATION,), removals=(removal(),))
    receipts = await given_by(adapter, what)
    await adapter.close()
    digest = put().digest
    assert receipts == [Receipt("Observation/o1", HeldThere("", "", digest)), Receipt("Observation/o2", None)]
    event = heard(server)
    assert (event["type"], event["subject"]) == ("org.epaccs.flags.set", "keyed-7")
    assert event["data"] == {
        "flags": [{"address": {"line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}, "says": "A plan exists: ask."}]
    }
    body = server.received[0].body.decode()
    assert not [one for one in ("Wilma", "Exampleby", "9990000018", "1941", "hospital") if one in body]


async def test_nothing_open_any_more_clears_the_flags(server: Receiver) -> None:
    adapter = room(server)
    await given_by(adapter, parcel(patient=None, puts=(), removals=(removal(),)))
    await adapter.close()
    event = heard(server)
    assert (event["type"], event["data"]) == ("org.epaccs.flags.cleared", {"flags": []})


async def test_an_answer_is_about_an_incident(server: Receiver) -> None:
    adapter = room(server)
    await adapter.answered(ANSWER)
    await adapter.close()
    event = heard(server)
    assert (event["type"], event["subject"]) == ("org.epaccs.incident.answered", "i1")
    assert event["data"]["incident"] == "CAD-1"


@pytest.mark.parametrize(("status", "fact"), [(400, ContentRefused), (503, Overloaded)])
async def test_a_room_that_says_no_confirmed_nothing(server: Receiver, status: int, fact: type[Exception]) -> None:
    adapter = room(server)
    server.answers = [(status, {}, b"")]
    try:
        with pytest.raises(fact):
            await given_by(adapter, parcel(patient=PERSON, plan=(OBSERVATION,)))
        with pytest.raises(fact):
            await adapter.answered(ANSWER)
    finally:
        server.answers = [(204, {}, b"")]
        await adapter.close()


async def test_a_room_is_asked_for_nothing(server: Receiver) -> None:
    adapter = room(server)
    assert list((await adapter.poll("c")).messages) == []
    with pytest.raises(Untranslatable):
        adapter.arrived(Message("m", b""))
    await adapter.settled(Message("m", b""))
    await adapter.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": "locality"},
        {"sends": True},
        {"gets": False, "sends": True},
        {"mapping": "x.json"},
        {"settings": {}},
        {"settings": {"address": "ftp://x", "hosts": ["x"]}},
        {"settings": {"address": "https://a.example.org/", "hosts": ["b.example.org"]}},
        {"settings": {"address": "https://a.example.org/", "hosts": ["a.example.org"], "more": 1}},
        {"notices": True},
    ],
)
def test_a_description_that_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    kind_of(described())
    with pytest.raises(InvalidConfiguration):
        kind_of(described(**wrong))


def test_a_room_in_a_private_network_is_for_the_sandbox() -> None:
    partner = described()
    with pytest.raises(InvalidConfiguration):
        kind_of(partner).adapter(partner, Surroundings(lambda: NOW, BASE, KEY.as_pem(private=True)))


def test_what_the_guide_shows_is_accepted() -> None:
    blocks = [json.loads(block) for block in guide_blocks("nhs-control", "json")]
    descriptions = [block for block in blocks if "kind" in block]
    assert [one["kind"] for one in descriptions] == ["control-room", "itk-111"]
    for one in descriptions:
        kind_of(Partner(msgspec.convert(one, Description), Path()))
    (flag,) = [block for block in blocks if "says" in block]
    jsonschema_rs.validator_for({"$ref": "#/$defs/flag", **json.loads(_schema())}).validate(flag)


def _schema() -> str:
    whole = json.loads((REPOSITORY / "docs/control-room-event.schema.json").read_text())
    return json.dumps({"$defs": whole["$defs"]})
