"""A hospice's system subscribes over HTTP and is told: by two processes, across a restart, and nobody else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_profiles.validation import validate
from security.assertions import Asserted
from security.principal import Purpose, Role
from tests.adapters.receiving import Receiver, receiving
from tests.haystack import Haystack
from tests.journeys.people import Person, admitted, ask_for_token, gp
from tests.journeys.test_several_processes import children
from tests.journeys.test_several_processes import until as steady
from tests.running import Running, parameters, running
from tests.service.sync.hooked import events_of, notified, subscription

Json = dict[str, Any]
PATIENCE = 60.0
WORD = "heliotrope-aviary-word"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Receiver]:
    """Return an endpoint on this machine that takes everything."""
    with receiving() as one:
        yield one


def until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait for other processes, with a deadline."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)  # waiting for other processes; nothing is measured by it


def hospice(service: Running) -> str:
    """Return a token of the hospice's system."""
    answer = ask_for_token(service, "demo-hospice", Asserted("ZZHSP1", Role.SYSTEM, Purpose.TREAT, None))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def asked(endpoint: Receiver, about: str = "") -> Json:
    """Return a Subscription of a type of resource."""
    return subscription(endpoint.port, about, header=[f"X-Word: {WORD}"])


def said_again(service: Running, someone: Person, words: str) -> str:
    """Let the practice change a medicine; return its reference."""
    reference = someone.reference("MedicationRequest")
    current = service.call("GET", f"/{reference}", gp(service))
    changed = {**current.json(), "note": [{"text": words}]}
    answer = service.call("PUT", f"/{reference}", gp(service), changed, {"If-Match": current.headers["etag"]})
    assert answer.status_code == 200, answer.text
    return reference


def test_two_processes_tell_an_endpoint_and_go_on_after_a_restart(tmp_path: Path, endpoint: Receiver) -> None:
    home = tmp_path / "home"
    endpoint.received.clear()
    with running(home, "--workers", "2", EPACCS_SUBSCRIPTION_HOSTS="127.0.0.1") as service:
        made = service.call("POST", "/Subscription", hospice(service), asked(endpoint))
        assert made.status_code == 201, made.text
        assert made.json()["status"] == "requested"
        address = f"/Subscription/{made.json()['id']}"
        assert made.headers["location"] == f"{service.settings.fhir_base}{address}"

        def status() -> str:
            return str(service.call("GET", address, hospice(service)).json()["status"])

        until(lambda: status() == "active", "the handshake")
        assert endpoint.received[0].headers["x-word"] == WORD
        someone = admitted(service, 12_000, place="hospice")
        # on new connections, so that either process may be the one that commits
        medicine = someone.reference("MedicationRequest")
        for number in range(6):
            with httpx.Client(timeout=30) as service.client:
                said_again(service, someone, f"Said {number}")
        until(lambda: [focus for _, focus in events_of(endpoint)].count(medicine) >= 7, "every change is told")
        service.client = httpx.Client(timeout=30)
        told = events_of(endpoint)
        assert [number for number, _ in told] == list(range(1, len(told) + 1))
        query = f"{address}/$status"
        stands = service.call("GET", query, hospice(service)).json()["entry"][0]["resource"]
        assert validate(stands) == []
        count = next(one for one in stands["parameter"] if one["name"] == "events-since-subscription-start")
        assert count["valueString"] == str(len(told))
        service.client.close()
    with running(home, EPACCS_SUBSCRIPTION_HOSTS="127.0.0.1") as again:
        said_again(again, someone, "After the restart")
        until(lambda: len(events_of(endpoint)) > len(told), "it is told after a restart")
        assert events_of(endpoint)[len(told) :] == [(len(told) + 1, medicine)]
        assert again.call("DELETE", address, hospice(again)).status_code == 204
        said_again(again, someone, "Nobody is told of this")
        assert again.call("GET", address, hospice(again)).status_code == 404
    assert len(events_of(endpoint)) == len(told) + 1
    words = {WORD, someone.nhs_number, f"127.0.0.1:{endpoint.port}/told", "The ward wants to know"}
    for path in home.rglob("*"):
        if path.is_file():
            assert Haystack.of(path.name, path.read_bytes()).find(words) == [], path.name
    for one in endpoint.received:
        assert Haystack.of("a notification", one.body).find(words - {WORD}) == []


def test_somebody_else_s_subscription_is_as_absent_as_one_that_never_was(service: Running, endpoint: Receiver) -> None:
    made = service.call("POST", "/Subscription", hospice(service), asked(endpoint)).json()
    stranger, never = service.token("system", "ZZGP01"), "0" * 32
    match = {"If-Match": 'W/"1"'}
    for method, path, body in (
        ("GET", "/Subscription/{}", None),
        ("GET", "/Subscription/{}/$status", None),
        ("PUT", "/Subscription/{}", asked(endpoint)),
        ("DELETE", "/Subscription/{}", None),
    ):
        there, nowhere = (
            service.call(method, path.format(id), stranger, None if body is None else {**body, "id": id}, match)
            for id in (made["id"], never)
        )
        assert (there.status_code, there.content) == (404, nowhere.content), method
    for query in ("", f"?_id={made['id']}", "?status=requested,active", f"?_id={never}"):
        found = service.call("GET", f"/Subscription{query}", stranger)
        assert (found.status_code, found.json()["total"]) == (200, 0)
    mine = service.call("GET", f"/Subscription?_id={made['id']}", hospice(service)).json()
    assert mine["entry"][0]["resource"]["channel"]["header"] == [f"X-Word: {WORD}"]
    every = service.call("POST", "/Subscription/$status", hospice(service), parameters(id=made["id"])).json()
    assert [one["resource"]["resourceType"] for one in every["entry"]] == ["Parameters"]
    assert service.call("DELETE", f"/Subscription/{made['id']}", hospice(service)).status_code == 204


@pytest.mark.parametrize(
    ("about", "endpoint_url", "status"),
    [
        ("Observation?code=heliotrope", "http://127.0.0.1:9/", 422),
        ("", "http://10.0.0.1/", 422),
        ("", "http://169.254.169.254/latest", 422),
        ("", "http://127.0.0.1@heliotrope.example.org/", 422),
        ("", "file:///etc/passwd", 422),
    ],
)
def test_what_is_not_understood_is_refused(
    service: Running, endpoint: Receiver, about: str, endpoint_url: str, status: int
) -> None:
    wrong = asked(endpoint, about)
    wrong["channel"]["endpoint"] = endpoint_url
    answer = service.call("POST", "/Subscription", hospice(service), wrong)
    assert answer.status_code == status
    assert answer.json()["issue"][0]["details"]["text"].endswith(".")
    assert b"heliotrope" not in answer.content
    assert WORD.encode() not in answer.content


def test_a_subscription_is_for_systems_with_the_scope_and_is_changed_at_its_version(
    service: Running, endpoint: Receiver
) -> None:
    assert service.call("POST", "/Subscription", gp(service), asked(endpoint)).status_code == 403
    control_room = ask_for_token(service, "demo-control-room", Asserted("ZZCAD1", Role.SYSTEM, Purpose.TREAT, None))
    for without in (control_room.json()["access_token"], service.token("system", "ZZHSP1")):
        assert service.call("POST", "/Subscription", without, asked(endpoint)).status_code == 403
    assert service.call("POST", "/Subscription", None, asked(endpoint)).status_code == 401
    token = hospice(service)
    made = service.call("POST", "/Subscription", token, asked(endpoint)).json()
    address, off = f"/Subscription/{made['id']}", {**asked(endpoint), "id": made["id"], "status": "off"}
    assert service.call("PUT", address, token, off).status_code == 428
    assert service.call("PUT", address, token, off, {"If-Match": 'W/"9"'}).status_code == 412
    done = service.call("PUT", address, token, off, {"If-Match": 'W/"1"'})
    assert (done.status_code, done.json()["status"], done.headers["etag"]) == (200, "off", 'W/"2"')
    assert validate(done.json()) == []
    assert service.call("GET", "/Subscription?criteria=x", token).status_code == 400
    assert service.call("DELETE", address, token).status_code == 204
    assert service.call("DELETE", address, token).status_code == 404
    assert notified_nothing(endpoint)


def notified_nothing(endpoint: Receiver) -> bool:
    """Say whether an endpoint was told of no events since; handshakes apart."""
    return all(not notified(one.body).events for one in endpoint.received if b"Bearer" in one.body)


@pytest.mark.nightly
def test_processes_that_are_killed_lose_nothing_and_repeat_no_number(tmp_path: Path) -> None:
    """Each serving process is killed once while changes are made; whoever takes the lease over goes on."""
    with (
        receiving() as endpoint,
        running(tmp_path / "home", "--workers", "2", EPACCS_SUBSCRIPTION_HOSTS="127.0.0.1") as service,
    ):
        made = service.call("POST", "/Subscription", hospice(service), asked(endpoint)).json()
        until(lambda: bool(endpoint.received), "the handshake")
        someone = admitted(service, 12_100, place="hospice")
        medicine = someone.reference("MedicationRequest")
        for victim in children(service, "spawn_main"):
            said_again(service, someone, f"Before {victim} is killed")
            os.kill(victim, signal.SIGKILL)
            service.client.close()
            service.client = httpx.Client(timeout=30)
            steady(service, "/health/ready", 200)
        said_again(service, someone, "After both")
        # a lease that nobody gave back lasts a minute
        until(
            lambda: [focus for _, focus in dict(events_of(endpoint)).items()].count(medicine) >= 4,
            "every change is told",
            patience=180.0,
        )
        first: dict[int, str] = {}
        for number, focus in events_of(endpoint):
            assert first.setdefault(number, focus) == focus
        assert list(first) == list(range(1, len(first) + 1))
        stands = service.call("GET", f"/Subscription/{made['id']}", hospice(service)).json()
        assert stands["status"] == "active"
        service.client.close()
