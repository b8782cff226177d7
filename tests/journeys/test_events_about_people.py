"""The real program, a queue with events and PDS, each on a socket: somebody dies, and the record says so."""

from __future__ import annotations

import json
import time
from pathlib import Path

from joserfc.jwk import RSAKey

from adapters.partners import Partner
from security.clock import system_clock
from tests.adapters.mns_world import World as MnsWorld
from tests.adapters.mns_world import key, private
from tests.adapters.pds_world import KEY, described
from tests.journeys.people import person
from tests.journeys.sync_world import until
from tests.running import demo_settings, running
from tests.service.sync.partnered import ran
from tests.standins.events import mns_2
from tests.standins.multicast import ACCESS_KEY, API_KEY, SECRET, multicast
from tests.standins.pds import person as at_pds
from tests.standins.pds import standing

DIED = "2026-10-31"


def write(partner: Partner, client: str) -> None:
    """Write a description as it lies in the folder of partners."""
    one = partner.description
    said = {
        "name": one.name,
        "kind": one.kind,
        "title": one.title,
        "client": client,
        "owner": {"name": "Desk", "organisation": "ZZGP01"},
        "gets": one.gets,
        "sends": one.sends,
        "limits": {"poll_every": 0.3, "timeout": 5},
        "settings": one.settings,
    }
    (partner.folder / f"{one.name}.json").write_text(json.dumps(said))


def checked(home: Path, partners: Path) -> str:
    """Return what `epaccs sync check` says."""
    ended = ran(home, partners, "check")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_an_event_out_of_the_queue_is_looked_up_and_applied(tmp_path: Path) -> None:
    folder = tmp_path / "partners"
    folder.mkdir()
    for name, content in (
        ("aws-key", json.dumps({"access_key_id": ACCESS_KEY, "secret_access_key": SECRET})),
        ("mns-key", API_KEY),
        ("api.jwk", json.dumps(key().as_dict(private=True))),
    ):
        private(folder / name, content)
    with multicast(system_clock) as far, standing(KEY, system_clock, time.monotonic) as pds:
        far.public_key = RSAKey.import_key(key().as_dict(private=False))
        mns = MnsWorld(folder, far, system_clock)  # type: ignore[arg-type]
        asked = mns.subscription()
        asked["auth"]["api_key_file"] = "mns-key"
        write(mns.partner(subscription=asked), "demo-gp-partner")
        demo_settings(tmp_path / "home", 8000)
        assert "events about people here wait" in checked(tmp_path / "home", folder)
        write(described(folder, pds.base, pds.token_url), "demo-hospice-partner")
        assert "events about" not in checked(tmp_path / "home", folder)
        someone = person(9_100)
        patient = someone.resource("Patient")
        name = patient["name"][0]
        pds.add(at_pds(someone.nhs_number, status="2", died=DIED, name=[name], birthDate=patient["birthDate"]))
        with running(tmp_path / "home", EPACCS_PARTNERS=str(folder)) as service:
            answer = service.call("POST", "", service.token("gp", "ZZGP01"), someone.bundle)
            assert answer.status_code == 200, answer.text
            reference = next(
                entry["response"]["location"].partition("/_history")[0]
                for entry in answer.json()["entry"]
                if entry["response"]["location"].startswith("Patient/")
            )
            far.put(mns_2(someone.nhs_number))
            until(lambda: not far.messages, "the event was not settled")
            read = service.call("GET", f"/{reference}", service.token("gp", "ZZGP01")).json()
            assert read["deceasedDateTime"] == DIED
            assert len(far.subscriptions) == 2
            log = service.log.read_text()
        assert someone.nhs_number not in log
        assert SECRET not in log
        assert API_KEY not in log
