"""The receiver of webhooks takes signed CloudEvents 1.0 in order, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

from service.standins.config import Config
from tests.standins.far_end import ADA, FarEnd, far_end

SIGNER = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "ours-1"})
STRANGER = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "ours-1"})
NEXT = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "ours-2"})
Json = dict[str, Any]


def described(**more: Any) -> Config:
    """Return a control room that knows our key."""
    keys: Json = {} if "jwks_file" in more else {"jwks": {"keys": [SIGNER.as_dict(private=False)]}}
    told: Json = {"name": "ambulance", "title": "Control room", "kind": "events", "organisation": "ZZAMB1"}
    return Config(**told, **keys, **more)


def event(number: int = 1, **more: Any) -> Json:
    """Return an event about somebody; a member that is None is left out."""
    told = {
        "specversion": "1.0",
        "id": f"parcel-{number}",
        "source": "https://record.example.org/fhir/R4",
        "type": "org.epaccs.plan.changed",
        "subject": "k7Hq0vT9",
        "time": datetime.now(UTC).isoformat(),
        "sequence": f"{number:020d}",
        "datacontenttype": "application/json",
        "data": {"cause": "change", "put": [{"reference": "Observation/1"}], "remove": []},
        **more,
    }
    return {name: value for name, value in told.items() if value is not None}


def signature(body: bytes, key: ECKey = SIGNER, **header: Any) -> str:
    """Return a detached JWS."""
    members = {"x": HeaderParameter("Understood by the signer alone", "str")}
    registry = jws.JWSRegistry(header_registry=members, algorithms=["ES256"], strict_check_header=False)
    protected = {"alg": "ES256", "kid": key.kid, "iat": int(time.time()), **header}
    return jws.detach_content(jws.serialize_compact(protected, body, key, registry=registry))


async def sent(end: FarEnd, told: Json | bytes, signed: str | None = None, **headers: str) -> httpx.Response:
    """Send an event, signed well unless a signature is given."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    given = {
        "Content-Type": "application/cloudevents+json",
        "Epaccs-Signature": signature(body, url=end.addresses.wire) if signed is None else signed,
        **headers,
    }
    given = {name: value for name, value in given.items() if value}
    return await end.http.post(end.addresses.wire, content=body, headers=given)


@pytest.fixture
async def room() -> AsyncIterator[FarEnd]:
    """A control room."""
    async with far_end(described()) as end:
        yield end


async def test_events_are_heard_and_shown(room: FarEnd) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=90)).isoformat()
    assert (await sent(room, event(1, time=past))).status_code == 204
    assert (await sent(room, event(2, data={"cause": "revocation"}))).status_code == 204
    counted = await room.effects()
    assert (counted["counts"], counted["sequences"]) == ({"event": 2}, {"k7Hq0vT9": 2})
    assert counted["by_type"] == {"change": 1, "revocation": 1}
    page = (await room.http.get(room.addresses.page)).text
    assert "revocation" in page
    assert "90." in page, "the lag between the change and its arrival"
    assert "Every request kept the rules" in page


async def test_an_event_that_comes_again_changes_nothing(room: FarEnd) -> None:
    told = event(1)
    assert [(await sent(room, told)).status_code for _ in range(3)] == [204, 204, 204]
    counted = await room.effects()
    assert (counted["counts"], counted["repeated"]) == ({"event": 1}, 2)
    other = await sent(room, {**told, "data": {"cause": "death"}})
    assert other.status_code == 409
    assert await room.rules_broken() == ["event-id"]


async def test_what_comes_after_something_newer_of_the_same_subject_is_answered_and_not_taken(room: FarEnd) -> None:
    assert (await sent(room, event(5))).status_code == 204
    assert (await sent(room, event(4, subject="somebody-else", id="other"))).status_code == 204
    assert (await sent(room, event(4))).status_code == 204
    assert await room.rules_broken() == ["sequence"]
    assert (await room.effects())["counts"] == {"event": 2}
    assert (await room.effects())["sequences"] == {"k7Hq0vT9": 5, "somebody-else": 4}
    assert "went backwards" in (await room.http.get(room.addresses.page)).text


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"specversion": None},
        {"id": None},
        {"id": ""},
        {"source": None},
        {"type": None},
        {"subject": None},
        {"time": None},
        {"time": "yesterday"},
        {"time": "2026-11-02T14:30:00"},
        {"sequence": None},
        {"sequence": 7},
        {"sequence": "-7"},
        {"data_base64": "AAAA"},
        {"Colour": "red"},
        {"extra": {"a": 1}},
        {"datacontenttype": "text/xml"},
    ],
)
async def test_an_event_that_is_no_cloudevent(room: FarEnd, change: Json) -> None:
    answer = await sent(room, event(1, **change))
    assert answer.status_code == 400
    assert await room.rules_broken() == ["cloudevent"]
    assert (await room.effects())["counts"] == {}


async def test_a_body_that_is_no_json(room: FarEnd) -> None:
    assert (await sent(room, b'{"specversion": ')).status_code == 400
    assert await room.rules_broken() == ["json"]


async def test_another_content_type(room: FarEnd) -> None:
    assert (await sent(room, event(), **{"Content-Type": "application/json"})).status_code == 415


@pytest.mark.parametrize("change", [{"subject": f"person {ADA}"}, {"id": ADA}, {"source": f"https://x.example/{ADA}"}])
async def test_no_nhs_number_in_the_envelope(room: FarEnd, change: Json) -> None:
    answer = await sent(room, event(1, **change))
    assert answer.status_code == 422
    assert await room.rules_broken() == ["number-in-envelope"]
    assert ADA not in (await room.http.get(f"{room.addresses.page}/violations")).text


async def test_ten_digits_among_those_of_a_keyed_id_are_no_number(room: FarEnd) -> None:
    assert (await sent(room, event(1, subject=f"ab{ADA}cdef01234567"))).status_code == 204
    assert await room.rules_broken() == []


@pytest.mark.parametrize("payload", ["ids", "full"])
async def test_content_only_where_it_was_promised(payload: str) -> None:
    async with far_end(described(payload=payload)) as end:
        data = {"cause": "change", "put": [{"resource": {"resourceType": "Observation"}}]}
        answer = await sent(end, event(1, data=data))
        assert (answer.status_code, await end.rules_broken()) == ((422, ["payload"]) if payload == "ids" else (204, []))


async def test_signatures_that_prove_nothing(room: FarEnd) -> None:
    told = event(1)
    body = json.dumps(told).encode()
    good, address = signature(body), room.addresses.wire
    head, _, tail = good.partition("..")
    bad = [
        "",
        "unsigned",
        head,
        f"{head}.e30.{tail}",
        signature(body + b" "),
        signature(body, STRANGER),
        signature(body, NEXT),
        signature(body, url="https://elsewhere.example.org/events"),
        signature(body, iat=int(time.time()) - 3600),
        signature(body, iat=int(time.time()) + 3600),
        signature(body, crit=["x"], x="1"),
        f"{head}..{tail[:-4]}AAAA",
    ]
    answers = [(await sent(room, told, one)).status_code for one in bad]
    assert answers == [401] * len(bad)
    assert await room.rules_broken() == ["signature"] * len(bad)
    assert (await sent(room, told, signature(body, url=address, x="1"))).status_code == 204, "unknown, not critical"


async def test_a_new_key_is_found_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [SIGNER.as_dict(private=False)]}))
    async with far_end(described(jwks_file=str(file))) as end:
        body = json.dumps(event(1)).encode()
        assert (await sent(end, body, signature(body, NEXT))).status_code == 401
        file.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in (SIGNER, NEXT)]}))
        assert (await sent(end, body, signature(body, NEXT))).status_code == 204


async def test_the_handshake(room: FarEnd) -> None:
    asked = await room.http.options(room.addresses.wire, headers={"WebHook-Request-Origin": "record.example.org"})
    assert (asked.status_code, asked.headers["webhook-allowed-origin"]) == (200, "record.example.org")
    assert (await room.http.options(room.addresses.wire)).status_code == 400
