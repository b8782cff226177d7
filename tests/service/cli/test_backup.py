"""`epaccs backup` and `epaccs restore` as an operator runs them: a service in use, a lost disk, and what comes back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from security.assertions import Asserted
from security.principal import Purpose, Role
from service.record.manifest import VERSIONS_OF_AN_EPOCH
from tests.journeys.people import DR_TESTWICK, Person, admitted, assertion, send_assertion
from tests.running import Running, demo_settings, free_port, running
from tests.service.cli.test_commands import _done, _run

GP = Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK)


class Site:
    """A home, two folders for backups, and a service on the home that keeps its port."""

    def __init__(self, folder: Path) -> None:
        self.home, self.content, self.keys = folder / "home", folder / "content", folder / "keys"
        self.settings = {"EPACCS_ENV": "sandbox", "EPACCS_PORT": str(free_port())}
        demo_settings(self.home, int(self.settings["EPACCS_PORT"]), **self.settings)

    @contextmanager
    def serving(self) -> Iterator[Running]:
        with running(self.home, **self.settings) as service:
            yield service

    def done(self, *words: str) -> str:
        return _done(self.home, *words, **self.settings)

    def refused(self, *words: str) -> str:
        ended = _run(self.home, *words, **self.settings)
        assert ended.returncode == 1, ended.stdout
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def back_up(self, *more: str) -> dict[str, Any]:
        said = self.done("backup", "--to", str(self.content), "--keys-to", str(self.keys), "--json", *more)
        found: dict[str, Any] = json.loads(said)
        return found

    def restore(self, *more: str) -> str:
        return self.done("restore", "--from", str(self.content), "--keys-from", str(self.keys), *more)

    def lose_the_database(self, to: Path | None = None) -> None:
        for path in self.home.glob("records.sqlite*"):
            if to is None:
                path.unlink()
            else:
                to.mkdir(exist_ok=True)
                shutil.move(path, to / path.name)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def note(someone: Person, words: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Comfort"},
        "subject": {"reference": someone.patient},
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "valueString": words,
    }


def put(service: Running, reference: str, version: int, resource: dict[str, Any]) -> Any:
    resource = {**resource, "id": reference.split("/")[1]}
    headers = {"If-Match": f'W/"{version}"'}
    return service.call("PUT", f"/{reference}", service.token("gp", "ZZGP01"), resource, headers)


def made(service: Running, resource: dict[str, Any]) -> str:
    answer = service.call("POST", f"/{resource['resourceType']}", service.token("gp", "ZZGP01"), resource)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["resourceType"] + "/" + answer.json()["id"])


def test_what_a_backup_holds_comes_back_and_nothing_handed_out_since_is_good_again(site: Site, tmp_path: Path) -> None:
    with site.serving() as service:
        gp = service.token("gp", "ZZGP01")
        someone = admitted(service, 60)
        reference = made(service, note(someone, "one"))
        assert put(service, reference, 1, note(someone, "two")).status_code == 200
        said = site.back_up()
        assert put(service, reference, 2, note(someone, "written after the backup")).status_code == 200
        lost = admitted(service, 61)
        used = assertion(service, "demo-gp", GP).sign()
        assert send_assertion(service, used).status_code == 200
    assert said["records"] >= 1
    site.lose_the_database(tmp_path / "lost")

    restored = site.restore()
    assert "Epoch 1 begins" in restored
    assert "Nothing is wrong." in restored
    assert "Restores left behind" in restored
    assert "What was written after the backup is not there." in restored
    assert not list(site.home.glob("*.restoring*"))
    verified = site.done("verify")
    assert "Nothing is wrong." in verified
    assert "Epoch 1 began 20" in verified

    with site.serving() as service:
        gp = service.token("gp", "ZZGP01")
        assert service.call("GET", f"/{reference}", gp).json()["valueString"] == "two"
        assert put(service, reference, 3, note(someone, "by who saw the third version")).status_code == 412
        answer = put(service, reference, 2, note(someone, "three"))
        assert (answer.status_code, answer.headers["etag"]) == (200, f'W/"{VERSIONS_OF_AN_EPOCH + 3}"')
        assert answer.json()["meta"]["versionId"] == str(VERSIONS_OF_AN_EPOCH + 3)
        read = service.call("GET", f"/{reference}/_history/{VERSIONS_OF_AN_EPOCH + 3}", gp)
        assert read.headers["link"].startswith(f"<{service.settings.fhir_base}/{reference}/_history/2>")
        assert service.call("GET", f"/{reference}/_history/3", gp).status_code == 404
        assert service.emergency(gp, lost.nhs_number).status_code == 404
        assert service.call("POST", "", gp, lost.bundle).status_code == 200
        again = send_assertion(service, used)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
        site.done("clock", "advance", "31s")
        assert send_assertion(service, assertion(service, "demo-gp", GP).sign()).status_code == 200
    assert "Nothing is wrong." in site.done("verify")

    site.lose_the_database()
    assert "Epoch 2 begins" in site.restore()
    with site.serving() as service:
        answer = put(service, reference, 2, note(someone, "three once more"))
        assert answer.headers["etag"] == f'W/"{2 * VERSIONS_OF_AN_EPOCH + 3}"', "another number than after the first"
    assert "Nothing is wrong." in site.done("verify")

    site.lose_the_database()
    for path in (tmp_path / "lost").iterdir():
        shutil.copy(path, site.home / path.name)
    ended = _run(site.home, "verify", **site.settings)
    assert ended.returncode == 1
    assert "the database is older than its last restore" in ended.stdout, "put back, not restored"


def test_a_backup_of_a_service_that_is_written_to_is_of_one_moment(site: Site) -> None:
    stop = threading.Event()
    failed: list[str] = []
    with site.serving() as service:
        someone = admitted(service, 62)

        def write(number: int) -> None:
            with running_client(service) as own:
                reference, version = made(own, note(someone, "one")), 1
                while not stop.is_set():
                    answer = put(own, reference, version, note(someone, f"{number} {version}"))
                    if answer.status_code != 200:
                        failed.append(answer.text)
                        return
                    version += 1

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        taken = []
        try:
            for _ in range(3):
                taken.append(site.back_up())
                site.done("clock", "advance", "1s")
        finally:
            stop.set()
            for writer in writers:
                writer.join(timeout=60)
    assert failed == []
    assert [one["auditEntries"] for one in taken] == sorted({one["auditEntries"] for one in taken}), "written to"
    for one in taken:
        site.lose_the_database()
        said = site.done("restore", "--from", one["content"], "--keys-from", taken[-1]["keys"])
        assert f"{one['auditEntries']:,} audit entries" in said
        assert "Nothing is wrong." in said


@contextmanager
def running_client(service: Running) -> Iterator[Running]:
    """Return the same service with a connection of this thread's own."""
    with httpx.Client(timeout=30) as client:
        yield Running(service.settings, service.process, service.log, client)


def test_a_record_whose_key_is_gone_is_erased_by_a_restore_too(site: Site) -> None:
    with site.serving() as service:
        erased, other = admitted(service, 63), admitted(service, 64)
        first = site.back_up()
    with closing(sqlite3.connect(site.home / "records.sqlite")) as database, database:
        numbers = database.execute("SELECT number FROM records ORDER BY length(sealed)").fetchall()
        database.execute("DELETE FROM keys WHERE number = (SELECT number FROM records ORDER BY number LIMIT 1)")
    assert len(numbers) == 2
    site.done("clock", "advance", "1d")
    later = site.back_up()
    site.lose_the_database()
    said = site.done("restore", "--from", first["content"], "--keys-from", later["keys"])
    assert "1 records have no key any more" in said
    assert "Nothing is wrong." in said
    with site.serving() as service:
        gp = service.token("gp", "ZZGP01")
        assert service.emergency(gp, other.nhs_number).status_code == 200
        assert service.emergency(gp, erased.nhs_number).status_code == 404
        assert service.call("POST", "", gp, erased.bundle).status_code == 200, "a new record, not an old one"
    assert "Nothing is wrong." in site.done("verify")


def test_keys_and_content_are_apart_and_neither_says_anything(site: Site) -> None:
    with site.serving() as service:
        someone = admitted(service, 65)
        said = site.back_up()
    with closing(sqlite3.connect(site.home / "records.sqlite")) as database:
        wrapped = [row[0] for row in database.execute("SELECT blob FROM keys")]
    content, keys = Path(said["content"]).read_bytes(), Path(said["keys"]).read_bytes()
    assert wrapped
    for blob in wrapped:
        assert blob not in content
        assert blob in keys
    name = someone.resource("Patient")["name"][0]["family"]
    for word in (name, someone.nhs_number, "ZZGP01", "Observation"):
        assert word.encode() not in content + keys
    for path in (*site.content.iterdir(), *site.keys.iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_old_backups_go_by_their_own_retention(site: Site) -> None:
    site.done("load", "--people", "1")
    for _ in range(3):
        site.back_up()
        site.done("clock", "advance", "10d")
    said = site.done(
        "backup", "--to", str(site.content), "--keys-to", str(site.keys), "--keep-days", "25", "--keep-keys-days", "5"
    )
    assert said.count("Deleted content-") == 2
    assert said.count("Deleted keys-") == 6
    assert len(list(site.content.glob("*.sqlite"))) == 3
    assert len(list(site.keys.glob("*.sqlite"))) == 1
    site.lose_the_database()
    assert "Epoch 1 begins" in site.restore("--epoch", "1")


def test_what_cannot_be_done_is_said_and_changes_nothing(site: Site, tmp_path: Path) -> None:
    both = ("--to", str(site.content), "--keys-to", str(site.keys))
    assert "there is no database" in site.refused("backup", *both)
    site.done("load", "--people", "2")
    same = site.refused("backup", "--to", str(site.content), "--keys-to", str(site.content))
    assert "different folders" in same
    said = site.back_up()
    content = Path(said["content"])
    before = (site.home / "records.sqlite").read_bytes()
    given = ("restore", "--from", str(site.content), "--keys-from", str(site.keys))
    assert "there is a database" in site.refused(*given)
    assert (site.home / "records.sqlite").read_bytes() == before
    site.lose_the_database()
    assert "no exported heads" in site.refused(*given)
    whole = content.read_bytes()
    content.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    assert "is not as it was when the backup was made" in site.refused(*given, "--epoch", "1")
    content.write_bytes(whole)
    other = {**site.settings, "EPACCS_TENANT": "elsewhere"}
    elsewhere = _run(site.home, *given, "--epoch", "1", **other)
    assert (elsewhere.returncode, "of this deployment" in elsewhere.stderr) == (1, True)
    assert not list(site.home.glob("records.sqlite*")), "nothing was left"
    for words in ((), ("--from", str(site.content)), (*given[1:], "--in-place")):
        assert _run(site.home, "restore", *words, **site.settings).returncode == 2
    mongo = {**site.settings, "EPACCS_STORE": "mongodb://127.0.0.1:1/x"}
    by_tools = _run(site.home, "backup", *both, **mongo)
    assert (by_tools.returncode, "docs/backup.md" in by_tools.stderr) == (1, True)
    assert "Epoch 7 begins" in site.restore("--epoch", "7")
    site.lose_the_database()
    assert "from 8 to 999" in site.refused(*given, "--epoch", "7")


def test_a_backup_that_does_not_verify_is_put_in_place_only_when_asked(site: Site) -> None:
    site.done("load", "--people", "2")
    with closing(sqlite3.connect(site.home / "records.sqlite")) as database, database:
        database.execute("DELETE FROM heads WHERE number = (SELECT min(number) FROM records)")
    site.back_up()
    site.lose_the_database()
    given = ("restore", "--from", str(site.content), "--keys-from", str(site.keys), "--epoch", "1")
    assert "Nothing was put in place" in site.refused(*given)
    assert not (site.home / "records.sqlite").exists()
    assert not (site.home / "heads.jsonl").exists(), "an epoch that did not begin is not made known"
    assert "the record has no head" in site.done(*given, "--accept-findings")
    assert (site.home / "records.sqlite").exists()


def test_a_database_restored_by_other_tools_begins_an_epoch_where_it_lies(site: Site, tmp_path: Path) -> None:
    with site.serving() as service:
        someone = admitted(service, 66)
        reference = made(service, note(someone, "one"))
    kept = tmp_path / "snapshot"
    shutil.copytree(site.home, kept)
    with site.serving() as service:
        assert put(service, reference, 1, note(someone, "lost")).status_code == 200
    site.lose_the_database()
    for path in kept.glob("records.sqlite*"):
        shutil.copy(path, site.home / path.name)
    assert _run(site.home, "verify", **site.settings).returncode == 1
    said = site.done("restore", "--in-place")
    assert "Nothing is wrong." in said
    with site.serving() as service:
        answer = put(service, reference, 1, note(someone, "two"))
        assert answer.headers["etag"] == f'W/"{VERSIONS_OF_AN_EPOCH + 2}"'
    verified = site.done("verify")
    assert "a backup of the database's own" in verified
    assert "Nothing is wrong." in verified
