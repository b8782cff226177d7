"""`epaccs sync` as whoever is on duty runs it, beside a service that really sends, with one process and with two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles.validation import validate
from tests.adapters.certificates import Authority
from tests.adapters.guides import guide_blocks
from tests.board import board_until
from tests.haystack import Haystack
from tests.journeys.people import Person, admitted
from tests.peers.mongo_servers import MongoServer, available
from tests.peers.params import servers
from tests.running import REPOSITORY, Running, demo_settings
from tests.security.test_localities import locality
from tests.service.sync.messages import allergy
from tests.service.sync.partnered import OWNER, TITLE, described, partnered, ran

Json = dict[str, Any]
DEADLINE = 30.0


def _verified(home: Path) -> str:
    """Return what `epaccs verify` says of a home."""
    ours = {**os.environ, "EPACCS_ENV": "demo", "EPACCS_HOME": str(home)}
    words = [sys.executable, "-m", "service.cli", "verify"]
    return subprocess.run(words, cwd=REPOSITORY, env=ours, capture_output=True, text=True, check=True).stdout


class Desk:
    """Whoever is on duty: commands for one home."""

    def __init__(self, home: Path, partners: Path, store: str = "") -> None:
        self.home, self.partners, self.store = home, partners, store

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command, expect its exit code and return what it said."""
        ended = ran(self.home, self.partners, *words, EPACCS_STORE=self.store)
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        return ended.stdout + ended.stderr

    def status(self) -> Json:
        """Return what `status --json` says of the only partner."""
        ended = ran(self.home, self.partners, "status", "hospice", "--json", EPACCS_STORE=self.store)
        assert ended.returncode in (0, 1), ended.stderr
        (found,) = json.loads(ended.stdout)
        assert ended.returncode == bool(found["needs"])
        return dict(found)

    def until(self, wanted: Callable[[Json], bool]) -> Json:
        """Look until the status is as wanted."""
        there = {"EPACCS_PARTNERS": str(self.partners), "EPACCS_STORE": self.store}
        settings = demo_settings(self.home, 8000, **there)
        (found,) = board_until(settings, lambda every: all(wanted(one) for one in every.values()), DEADLINE).values()
        return found


def change(service: Running, someone: Person, words: str) -> None:
    """Let the GP write something that travels."""
    said = {**allergy(words), "patient": {"reference": someone.patient}}
    answer = service.call("POST", "/AllergyIntolerance", service.token("gp", "ZZGP01"), said)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.nightly)])
def test_from_away_to_back_and_what_a_person_does(tmp_path: Path, workers: str) -> None:
    """Down, back, refused, put aside, taken up, tried again, replayed, paused: each beside the service that sends."""
    home, partners = tmp_path / "home", tmp_path / "partners"
    system = described(partners)
    desk = Desk(home, partners)
    with partnered(home, partners, "--workers", workers) as service:
        someone = admitted(service, 3100 + int(workers))
        first = desk.until(lambda said: said["given"] > 0)
        assert first["needs"] == []
        assert first["lag"]["p95"] is not None
        told = desk("status")
        assert f"hospice: {TITLE}" in told
        assert f"{OWNER}, ZZGP01" in told
        assert "urgent 0, decisions 0, routine 0" in told

        (system / "down").touch()
        change(service, someone, "heliotrope umbrella")
        away = desk.until(lambda said: said["circuit"]["open"] and said["waiting"]["routine"] == 1)
        assert away["circuit"]["reason"] == "The partner's system could not be reached."
        assert "circuit         open, since" in desk("status")
        (system / "down").unlink()
        desk("retry", "hospice", "--as", "Wenna Fictive")
        back = desk.until(lambda said: not said["circuit"]["open"] and said["waiting"]["routine"] == 0)
        assert back["given"] > first["given"]

        (system / "refuses").touch()
        change(service, someone, "second heliotrope umbrella")
        (lane,) = desk.until(lambda said: said["troubles"])["troubles"]
        assert (lane["way"], lane["reason"]) == ("out", "The partner's system refused what was sent.")
        assert "SEE TO IT       1 person's lane is stopped." in desk("status", code=1)
        desk("park", "hospice", lane["id"])
        assert "put aside" in desk("status")
        desk("park", "hospice", lane["id"], "--take-up")
        assert desk.status()["needs"]
        (system / "refuses").unlink()
        desk("retry", "hospice", lane["id"])
        desk.until(lambda said: not said["troubles"] and said["waiting"]["routine"] == 0)

        (system / "m1.message").write_bytes(b"\x00 not a message: heliotrope umbrella")
        (message,) = desk.until(lambda said: said["troubles"])["troubles"]
        assert (message["way"], message["cause"]) == ("in", "message")
        desk("replay", "hospice", message["id"])
        desk.until(lambda said: said["troubles"][0]["tries"] == 2)
        desk("park", "hospice", message["id"], "--way", "in")

        desk("pause", "hospice", "--as", "Wenna Fictive")
        paused = desk.until(lambda said: said["paused"]["still"])["paused"]
        assert paused["by"] == "Wenna Fictive"
        change(service, someone, "third heliotrope umbrella")
        desk.until(lambda said: said["waiting"]["routine"] == 1)
        desk("resume", "hospice")
        desk.until(lambda said: said["waiting"]["routine"] == 0 and said["paused"] is None)

        for _ in range(4):  # whichever process answers, and whichever serves
            metrics = service.client.get(f"{service.settings.base_url}/metrics").text
            assert f'epaccs_sync_given_total{{partner="hospice"}} {float(desk.status()["given"])}' in metrics
            assert 'epaccs_sync_troubles{partner="hospice",state="put-aside",way="in"} 1.0' in metrics
        assert "Nothing is wrong." in _verified(home)
        said = desk("status") + desk("status", "--json")
        family = next(name["family"] for name in someone.resource("Patient")["name"])
        assert Haystack.of("status", said.encode()).find([someone.nhs_number, family, "heliotrope umbrella"]) == []
        officer = service.token("privacy_officer", "ZZGP01", purpose="HCOMPL")
        answer = service.call("GET", f"/AuditEvent?date=ge{datetime.now(UTC):%Y-%m-%d}&_count=100", officer)
        assert answer.status_code == 200, answer.text
        assert all(validate(entry["resource"]) == [] for entry in answer.json()["entry"])
        for deed in ("$sync-pause", "$sync-resume", "$sync-retry", "$sync-replay", "$sync-park", "$sync-take-up"):
            assert deed in answer.text
        assert "Wenna Fictive" in answer.text


@pytest.mark.parametrize("kind", servers([kind for kind in available() if kind != "ferretdb"] or available()))
def test_with_records_in_mongodb(tmp_path: Path, kind: str) -> None:
    """The same commands where there is no file: what one process writes the other finds."""
    home, partners = tmp_path / "home", tmp_path / "partners"
    described(partners)
    with MongoServer(kind, tmp_path / "server") as server:
        desk = Desk(home, partners, server.url("sync"))
        with partnered(home, partners, store=desk.store) as service:
            someone = admitted(service, 3110)
            desk.until(lambda said: said["given"] > 0)
            desk("pause", "hospice", "--as", "Wenna Fictive")
            desk.until(lambda said: said["paused"]["still"])
            change(service, someone, "heliotrope umbrella")
            desk.until(lambda said: said["waiting"]["routine"] == 1)
            assert "paused          by Wenna Fictive" in desk("status")
            desk("resume", "hospice")
            desk.until(lambda said: said["waiting"]["routine"] == 0)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """No database, no partners, no such partner, no such id, no such name: a plain line and no traceback."""
    home, partners = tmp_path / "home", tmp_path / "partners"
    described(partners)
    absent = ran(home, partners, "status")
    assert absent.returncode == 1
    desk = Desk(home, partners)
    with partnered(home, partners):
        desk.until(lambda said: said["served"])
        assert "There is no partner `nobody`. Partners: hospice." in desk("pause", "nobody", code=1)
        for words in (("park", "hospice", "ab" * 16), ("retry", "hospice", "not-hex"), ("replay", "hospice", "00")):
            assert "That id is not on the partner's list" in desk(*words, code=1)
        assert "--as is a name" in desk("pause", "hospice", "--as", "\x07", code=2)
        assert desk.status()["paused"] is None
        assert desk.until(lambda said: said["served"]), "an order that nobody can carry out stops nothing"
    nobody = ran(home, partners, "status", EPACCS_PARTNERS="")
    assert (nobody.returncode, nobody.stderr) == (0, "")
    assert "There are no partners" in nobody.stdout


def test_check_names_every_problem_with_its_file(tmp_path: Path) -> None:
    """Each file is judged, whatever is wrong with another; then what does not fit together."""
    home, partners = tmp_path / "home", tmp_path / "partners"
    described(partners)
    demo_settings(home, 8000)
    desk = Desk(home, partners)
    assert "hospice.json: hospice, Example hospice's records\nNothing is wrong." in desk("check")
    (partners / "b-broken.json").write_text("{")
    described(partners, "gp", people="nobody", removal_days=0)
    described(partners, "stranger")
    described(partners, "lost", client="demo-community", locality="nowhere").rmdir()
    described(partners, "again", client="demo-hospice")
    said = desk("check", code=2)
    for line in (
        "b-broken.json: ",
        "gp.json: `people` is `related` or `locality`",
        "gp.json: `removal_days` is 1 to 60",
        "stranger.json: `client` is no registered client",
        "lost.json: `settings` name no folder",
        "lost.json: `locality` is the id of no locality's policy",
        "again.json: `client` is another partner's",
        "hospice.json: `client` is another partner's",
    ):
        assert line in said
    assert "8 thing(s) are wrong." in said
    assert not (home / "records.sqlite").exists(), "nothing is opened for it"


def test_check_says_to_whom_nobody_carries_notices(tmp_path: Path) -> None:
    """A promise of the rules that no partner keeps is no mistake of a file, and is said all the same."""
    home, partners, localities = tmp_path / "home", tmp_path / "partners", tmp_path / "localities"
    for folder in (partners, localities):
        folder.mkdir()
    locality(localities, "north", ["ZZGP01"])
    demo_settings(home, 8000)

    def check(code: int = 0) -> str:
        ended = ran(home, partners, "check", EPACCS_LOCALITIES=str(localities))
        assert ended.returncode == code, ended.stderr
        return ended.stdout + ended.stderr

    assert "No partner carries notices of emergency reads to people" in check()
    messages("north", "demo-hospice", partners, locality="north")
    assert "carried to people of north alone: those of others wait" in check()
    messages("all", "demo-gp", partners)
    assert "otices" not in check()
    messages("again", "demo-community", partners)
    assert "again.json: `notices` are carried by another partner of the same `locality`" in check(2)
    messages("again", "demo-community", partners, gets=True)
    assert "again.json: what carries `notices` neither `gets` nor `sends`" in check(2)
    described(partners, "here", client="demo-community", sends=False, gets=False, notices=True)
    assert "here.json: `notices` is not for this kind" in check(2)
    messages("again", "demo-community", partners, locality="north", address="http://messages.example.org/")
    assert "again.json: `settings.address` is not https, and it carries `notices`" in check(2)


def messages(
    name: str, client: str, folder: Path, address: str = "https://messages.example.org/notices", **more: Any
) -> None:
    """Write the description of a partner that carries notices."""
    said = {
        "name": name,
        "kind": "webhook",
        "title": "Example messages",
        "client": client,
        "owner": {"name": OWNER, "organisation": "ZZGP01"},
        "notices": True,
        "gets": False,
        "settings": {"address": address, "hosts": ["messages.example.org"]},
        **more,
    }
    (folder / f"{name}.json").write_text(json.dumps(said))


def test_check_accepts_a_practice_and_knows_who_reads_a_mailbox(tmp_path: Path) -> None:
    """The description of the guide, for the organisation of a demo client."""
    home, partners = tmp_path / "home", tmp_path / "partners"
    partners.mkdir()
    demo_settings(home, 8000)
    authority = Authority(partners)
    authority.certify("mesh")
    authority.ca.rename(partners / "mesh-ca.pem")
    for name in ("mesh-password", "mesh-shared-key"):
        (partners / name).write_text("secret")
        (partners / name).chmod(0o600)
    (block,) = guide_blocks("nhs-gpdocument", "json")

    def practice(name: str, client: str, ods: str, **changed: Any) -> None:
        said = {**json.loads(block), "name": name, "client": client, **changed}
        said["settings"]["practice"] = ods
        (partners / f"{name}.json").write_text(json.dumps(said))

    def check(code: int = 0) -> str:
        ended = ran(home, partners, "check")
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    practice("surgery", "demo-gp", "ZZGP01")
    assert "surgery.json: surgery, Exampleton Surgery" in check()
    practice("surgery", "demo-gp", "ZZGP99")
    assert "surgery.json: `settings.practice` is not the organisation of its client" in check(2)
    practice("surgery", "demo-gp", "ZZGP01", sends=False)
    assert "surgery.json: exactly one partner of its mailbox `sends`" in check(2)
