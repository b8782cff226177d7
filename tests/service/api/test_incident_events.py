"""Signed events of a control room: incidents open and close as by the operations, once, for whoever signed alone."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from security.demo_clients import private_key
from tests.journeys.people import admitted, crew
from tests.running import Running, parameters

Json = dict[str, Any]
OPENED, CLOSED = "org.epaccs.incident.opened", "org.epaccs.incident.closed"
ROOM = "demo-control-room"


def event(kind: str, data: Json, **more: Any) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {"specversion": "1.0", "id": uuid4().hex, "source": "urn:cad", "type": kind, "time": now, "data": data}
    return json.dumps({**said, **more}).encode()


def opening(nhs_number: str, reference: str, *sent: str, organisation: str = "ZZAMB1") -> Json:
    data = parameters(nhsNumber=nhs_number, organization=organisation, incident=reference)
    data["parameter"] += [{"name": "crew", "valueString": one} for one in sent]
    return data


def signed(service: Running, body: bytes, *, client: str = ROOM, key: ECKey | None = None, **header: Any) -> str:
    key = key or private_key(service.settings.home, client)
    said = {
        "alg": "ES256",
        "kid": f"{client}-1",
        "typ": "cloudevent+jws",
        "iss": client,
        "iat": int(time.time()),
        "url": f"{service.settings.base_url}/events/incidents",
    }
    protected = {name: value for name, value in {**said, **header}.items() if value is not None}
    registry = jws.JWSRegistry(algorithms=[protected["alg"]], strict_check_header=False)
    registry.max_payload_length = 100_000
    return jws.detach_content(jws.serialize_compact(protected, body, key, registry=registry))


def posted(service: Running, body: bytes, signature: str | None = None, **headers: str) -> httpx.Response:
    sent = {"Content-Type": "application/cloudevents+json", **headers}
    sent["Epaccs-Signature"] = signed(service, body) if signature is None else signature
    return service.call("POST", f"{service.settings.base_url}/events/incidents", None, body, sent)


def told(answer: httpx.Response) -> dict[str, str]:
    return {item["name"]: item["valueString"] for item in answer.json()["parameter"]}


def sees(service: Running, nhs_number: str, token: str | None = None) -> bool:
    status = service.emergency(token or crew(service), nhs_number).status_code
    assert status in (200, 404)
    return status == 200


def test_an_event_opens_an_incident_and_another_closes_it(service: Running) -> None:
    someone = admitted(service, 7330)
    answer = posted(service, event(OPENED, opening(someone.nhs_number, "EV-330")))
    assert answer.status_code == 201, answer.text
    assert sees(service, someone.nhs_number)
    closing = posted(service, event(CLOSED, parameters(id=told(answer)["id"])))
    assert (closing.status_code, told(closing)["id"]) == (200, told(answer)["id"])
    assert not sees(service, someone.nhs_number)


def test_it_is_closed_by_the_room_s_own_number_too(service: Running) -> None:
    someone = admitted(service, 7331)
    data = opening(someone.nhs_number, "EV-331")
    assert posted(service, event(OPENED, data)).status_code == 201
    assert posted(service, event(CLOSED, data)).status_code == 200
    assert not sees(service, someone.nhs_number)
    assert posted(service, event(CLOSED, opening(someone.nhs_number, "EV-other"))).status_code == 404


def test_an_event_may_name_the_crew_or_an_address_alone(service: Running) -> None:
    someone = admitted(service, 7332)
    assert posted(service, event(OPENED, opening(someone.nhs_number, "EV-332", "zz-other"))).status_code == 201
    assert not sees(service, someone.nhs_number)
    place = {"resourceType": "Patient", "address": [{"line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}]}
    data = parameters(organization="ZZAMB1", incident="EV-332b")
    data["parameter"].append({"name": "patient", "resource": place})
    assert posted(service, event(OPENED, data)).status_code == 201
    assert posted(service, event(CLOSED, data)).status_code == 200


def test_what_is_replayed_does_not_open_again_what_was_closed(service: Running) -> None:
    someone = admitted(service, 7333)
    body = event(OPENED, opening(someone.nhs_number, "EV-333"))
    signature = signed(service, body)
    first = posted(service, body, signature)
    assert posted(service, event(CLOSED, parameters(id=told(first)["id"]))).status_code == 200
    for again in (signature, signed(service, body)):
        answer = posted(service, body, again)
        assert (answer.status_code, told(answer)) == (201, told(first))
    assert not sees(service, someone.nhs_number)
    other = event(OPENED, opening(someone.nhs_number, "EV-333b"), id=json.loads(body)["id"])
    assert posted(service, other).status_code == 422
    assert not sees(service, someone.nhs_number)


HEADERS: dict[str, Json] = {
    "old": {"iat": int(time.time()) - 400},
    "not yet": {"iat": int(time.time()) + 100_000},
    "no time": {"iat": None},
    "a time in words": {"iat": "now"},
    "for another address": {"url": "https://elsewhere.example.org/events/incidents"},
    "a token": {"typ": "JWT"},
    "no type": {"typ": None},
    "unknown client": {"iss": "nobody"},
    "another client": {"iss": "demo-gp"},
    "no client": {"iss": None},
    "unknown key": {"kid": "demo-control-room-9"},
    "critical": {"crit": ["b64"], "b64": True},
    "its own key": {"jwk": {"kty": "EC"}},
}


@pytest.mark.parametrize("wrong", HEADERS)
def test_a_signature_that_does_not_hold_opens_nothing_and_says_not_why(service: Running, wrong: str) -> None:
    someone = admitted(service, 7340 + list(HEADERS).index(wrong))
    body = event(OPENED, opening(someone.nhs_number, "EV-334"))
    header = {**HEADERS[wrong]}
    private = private_key(service.settings.home, ROOM)
    if wrong in ("critical", "its own key"):
        signature = _by_hand(private, body, service, header)
    else:
        signature = signed(service, body, key=private, **header)
    answer = posted(service, body, signature)
    assert answer.status_code == 401
    assert answer.json()["issue"][0]["details"]["text"] == (
        "A signature of a registered client over these very bytes is needed."
    )
    assert not sees(service, someone.nhs_number)


def _by_hand(key: ECKey, body: bytes, service: Running, header: Json) -> str:
    """Sign with a good header, and say another."""
    good = signed(service, body, key=key)
    said = {"alg": "ES256", "kid": f"{ROOM}-1", "typ": "cloudevent+jws", "iss": ROOM, **header}
    said |= {"iat": int(time.time()), "url": f"{service.settings.base_url}/events/incidents"}
    protected = urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return f"{protected}..{good.partition('..')[2]}"


@pytest.mark.parametrize("signature", ["", "x", "a.b.c", "a..b", "..", f"{'e' * 5000}..x", "é..x"])
def test_no_signature_is_none(service: Running, signature: str) -> None:
    body = event(OPENED, opening("9990000018", "EV-335"))
    sent = {"Content-Type": "application/json", "Epaccs-Signature": signature.encode("latin-1").decode("latin-1")}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    answer = service.client.post(f"{service.settings.base_url}/events/incidents", content=body, headers=raw)
    assert answer.status_code == 401


def test_other_bytes_than_those_signed_and_other_keys_are_refused(service: Running) -> None:
    body = event(OPENED, opening("9990000018", "EV-336"))
    assert posted(service, body + b" ", signed(service, body)).status_code == 401
    assert posted(service, body, signed(service, body, key=ECKey.generate_key("P-256"))).status_code == 401


def test_a_client_that_may_not_register_incidents_is_refused(service: Running) -> None:
    body = event(OPENED, opening("9990000018", "EV-337"))
    signature = signed(service, body, client="demo-gp", alg="ES384")
    assert posted(service, body, signature).status_code == 403


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"specversion": "0.3"}, 422),
        ({"id": ""}, 422),
        ({"id": 7}, 422),
        ({"source": None}, 422),
        ({"type": "org.epaccs.incident.other"}, 422),
        ({"time": "yesterday"}, 422),
        ({"time": None}, 422),
        ({"time": (datetime.now(UTC) - timedelta(hours=13)).isoformat()}, 422),
        ({"time": (datetime.now(UTC) + timedelta(hours=3)).isoformat()}, 422),
        ({"data": None}, 400),
        ({"data": []}, 400),
        ({"data": {"resourceType": "Bundle"}}, 400),
        ({"data": parameters(nhsNumber="9990000000", organization="ZZAMB1", incident="x")}, 422),
        ({"data": parameters(nhsNumber="9990000018", organization="no code", incident="x")}, 422),
        ({"data": parameters(nhsNumber="9990000018", organization="ZZAMB1")}, 422),
    ],
)
def test_an_event_that_cannot_be_read_is_refused_and_repeats_nothing(service: Running, more: Json, status: int) -> None:
    answer = posted(service, event(OPENED, **{"data": opening("9990000018", "EV-338"), **more}))
    assert answer.status_code == status, answer.text
    assert "999000" not in answer.text


def test_no_json_too_much_and_another_media_type(service: Running) -> None:
    assert posted(service, b"<event/>").status_code == 400
    assert posted(service, b" " * 17_000).status_code == 413
    body = event(OPENED, opening("9990000018", "EV-339"))
    assert posted(service, body, **{"Content-Type": "text/xml"}).status_code == 415
