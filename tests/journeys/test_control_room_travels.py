"""A control room of the sandbox, over real sockets: a flag soon after a plan, an answer soon after a call, and neither
longer than it may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_profiles.identifiers import ODS_SYSTEM
from security.event_signature import signing_key
from security.keys import open_keys
from service.standins.config import Config
from service.standins.run import Addresses
from tests.journeys.people import Json, Person, gp, person, posted
from tests.journeys.sync_world import LIMITS, until
from tests.running import Running, demo_settings, free_port, running
from tests.service.sync.partnered import ran
from tests.standins.processes import process_of

HOME: Json = {"use": "home", "line": ["1 Example Road"], "city": "Exampleton", "postalCode": "ZZ99 1AA"}
HOSPICE: Json = {"use": "temp", "line": ["Sample Hospice"], "postalCode": "ZZ99 2BB"}
AT_HOME, AT_HOSPICE = "1 Example Road, Exampleton, ZZ99 1AA", "Sample Hospice, ZZ99 2BB"
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
INDEX = iter(range(7_700, 7_710))


@dataclass(slots=True)
class Called:
    """The service and its control room."""

    service: Running
    room: Addresses
    http: httpx.Client

    def flags(self) -> list[str]:
        """Return where the dispatcher's screen shows a flag."""
        return [one["address"] for one in self.http.get(f"{self.room.page}/room").json()["flags"]]

    def answers(self) -> list[str]:
        """Return for which incidents it shows an answer."""
        return [one["incident"] for one in self.http.get(f"{self.room.page}/room").json()["answers"]]

    def right(self) -> None:
        """Nothing was sent that breaks a rule, and nothing waits for a person."""
        assert self.http.get(f"{self.room.control}/violations").json() == {"violations": []}

    def changes(self, reference: str, **elements: Any) -> None:
        """Let the practice change a resource."""
        token = gp(self.service)
        read = self.service.call("GET", f"/{reference}", token)
        said = {**read.json(), **elements}
        answer = self.service.call("PUT", f"/{reference}", token, said, {"If-Match": read.headers["etag"]})
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Called]:
    """Run both."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("partners")
    published = signing_key(open_keys(demo_settings(home, free_port()).keys).issuer_pem)
    keys = {"keys": [published.as_dict(private=False)]}
    config = Config(name="room", title="Room", kind="events", organisation="ZZAMB1", jwks=keys)
    with process_of(config) as room, httpx.Client(trust_env=False, timeout=30) as http:
        described(folder, room)
        with running(home, EPACCS_PARTNERS=str(folder)) as service:
            yield Called(service, room, http)


def described(folder: Path, room: Addresses) -> None:
    said = {
        "name": "control-room",
        "kind": "control-room",
        "title": "Room",
        "client": "demo-control-room-partner",
        "owner": {"name": "Integration desk", "organisation": "ZZAMB1"},
        "limits": LIMITS,
        "settings": {"address": room.wire, "hosts": ["127.0.0.1"]},
    }
    (folder / "control-room.json").write_text(json.dumps(said))


def admitted(called: Called) -> Person:
    """Post a plan whose care team names the ambulance service."""
    someone = person(next(INDEX))
    someone.resource("Patient")["address"] = [HOME]
    there = {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": "ZZAMB1"}}
    someone.resource("CareTeam").setdefault("participant", []).append({"member": there})
    return posted(called.service, someone)


def test_the_description_is_accepted(called: Called) -> None:
    settings = called.service.settings
    said = ran(settings.home, settings.partners or Path(), "check")
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_flag_follows_where_somebody_stays_until_they_die(called: Called) -> None:
    someone = admitted(called)
    until(lambda: called.flags() == [AT_HOME], "the plan is signed, and the flag stands")
    called.changes(someone.patient, address=[HOME, HOSPICE])
    until(lambda: called.flags() == [AT_HOSPICE], "it moves with them")
    called.changes(someone.patient, address=[HOME])
    until(lambda: called.flags() == [AT_HOME], "and back")
    called.changes(someone.patient, deceasedBoolean=True)
    until(lambda: called.flags() == [], "they died")
    called.right()


def test_a_flag_goes_with_a_protected_location(called: Called) -> None:
    someone = admitted(called)
    until(lambda: called.flags() == [AT_HOME], "the flag stands")
    meta = called.service.call("GET", f"/{someone.patient}", gp(called.service)).json()["meta"]
    called.changes(someone.patient, meta={**meta, "security": [RESTRICTED]})
    until(lambda: called.flags() == [], "their whereabouts are protected")
    called.right()


def test_the_answer_comes_with_the_call_and_not_without_a_plan(called: Called) -> None:
    someone = posted(called.service, person(next(INDEX)))
    before = called.answers()
    called.service.open_incident("9990000018")
    called.service.open_incident(someone.nhs_number)
    until(lambda: called.answers() != before, "the answer is pushed")
    assert called.answers() == ["INC-1", *before]
    assert called.flags() == [], "an incident brings no flag"
    page = called.http.get(called.room.page).text
    assert "Answers to incidents" in page
    assert "INC-1" in page
    called.right()
