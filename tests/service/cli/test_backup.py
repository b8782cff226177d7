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
from click.testing import CliRunner

from security.assertions import Asserted
from security.principal import Purpose, Role
from service.cli import main
from service.record.manifest import VERSIONS_OF_AN_EPOCH
from tests.journeys.people import DR_TESTWICK, Person, admitted, assertion, send_assertion
from tests.running import SERVE, Running, demo_settings, free_port, running
from tests.service.cli.test_commands import _run

GP = Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK)


class Site:
    """A home, two folders for backups, and a service on the home that keeps its port.

    Commands run as processes of their own, or in this one (`quick`), where many are tried one after the other.
    """

    def __init__(self, folder: Path, *, quick: bool = False) -> None:
        self._quick = quick
        self.home, self.content, self.keys = folder / "home", folder / "content", folder / "keys"
        self.settings = {"EPACCS_ENV": "sandbox", "EPACCS_PORT": str(free_port())}
        demo_settings(self.home, int(self.settings["EPACCS_PORT"]), **self.settings)

    @contextmanager
    def serving(self) -> Iterator[Running]:
        with running(self.home, prefix=(), serve=SERVE, **self.settings) as service:
            yield service

    def run(self, *words: str, **settings: str) -> tuple[int, str, str]:
        """Return exit code, output and errors of a command."""
        if not self._quick:
            ended = _run(self.home, *words, **self.settings, **settings)
            return ended.returncode, ended.stdout, ended.stderr
        environment = {"EPACCS_HOME": str(self.home), **self.settings, **settings}
        result = CliRunner().invoke(main, words, env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result.exit_code, result.stdout, result.stderr

    def done(self, *words: str) -> str:
        code, said, wrong = self.run(*words)
        assert code == 0, wrong
        return said

    def refused(self, *words: str, **settings: str) -> str:
        code, said, wrong = self.run(*words, **settings)
        assert code == 1, said
        assert "Traceback" not in wrong
        return wrong

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


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name in ("freeze", "set_threshold"):  # commands settle the memory for the life of their process
        monkeypatch.setattr(f"gc.{name}", lambda *_: None)
    return Site(tmp_path, quick=True)


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
    code, printed, _ = site.run("verify")
    assert code == 1
    assert "the database is older than its last restore" in printed, "put back, not restored"


def test_backups_are_taken_while_a_service_is_written_to(quick: Site) -> None:
    stop, acknowledged, failed = threading.Event(), threading.Semaphore(0), list[str]()
    with quick.serving() as service:
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
                    acknowledged.release()

        writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
        for writer in writers:
            writer.start()
        taken: list[dict[str, Any]] = []
        try:
            for _ in range(3):
                for _ in range(4):
                    assert acknowledged.acquire(timeout=60)
                taken.append(quick.back_up())
                quick.done("clock", "advance", "1s")
        finally:
            stop.set()
            for writer in writers:
                writer.join(timeout=60)
    assert failed == []
    assert taken[0]["auditEntries"] < taken[1]["auditEntries"] < taken[2]["auditEntries"]
    for one in taken:
        quick.lose_the_database()
        said = quick.done("restore", "--from", one["content"], "--keys-from", taken[-1]["keys"])
        assert f"{one['auditEntries']:,} audit entries" in said
        assert "Nothing is wrong." in said


@contextmanager
def running_client(service: Running) -> Iterator[Running]:
    """Return the same service with a connection of this thread's own."""
    with httpx.Client(timeout=30) as client:
        yield Running(service.settings, service.process, service.log, client)


def test_a_record_whose_key_is_gone_is_erased_by_a_restore_too(quick: Site) -> None:
    with quick.serving() as service:
        erased, other = admitted(service, 63), admitted(service, 64)
        first = quick.back_up()
    with closing(sqlite3.connect(quick.home / "records.sqlite")) as database, database:
        numbers = database.execute("SELECT number FROM records ORDER BY length(sealed)").fetchall()
        database.execute("DELETE FROM keys WHERE number = (SELECT number FROM records ORDER BY number LIMIT 1)")
    assert len(numbers) == 2
    quick.done("clock", "advance", "1d")
    later = quick.back_up()
    quick.lose_the_database()
    said = quick.done("restore", "--from", first["content"], "--keys-from", later["keys"])
    assert "1 records have no key any more" in said
    assert "Nothing is wrong." in said
    with quick.serving() as service:
        gp = service.token("gp", "ZZGP01")
        assert service.emergency(gp, other.nhs_number).status_code == 200
        assert service.emergency(gp, erased.nhs_number).status_code == 404
        assert service.call("POST", "", gp, erased.bundle).status_code == 200, "a new record, not an old one"
    assert "Nothing is wrong." in quick.done("verify")


def test_keys_and_content_are_apart_and_neither_says_anything(quick: Site) -> None:
    with quick.serving() as service:
        someone = admitted(service, 65)
        said = quick.back_up()
    with closing(sqlite3.connect(quick.home / "records.sqlite")) as database:
        wrapped = [row[0] for row in database.execute("SELECT blob FROM keys")]
    content, keys = Path(said["content"]).read_bytes(), Path(said["keys"]).read_bytes()
    assert wrapped
    for blob in wrapped:
        assert blob not in content
        assert blob in keys
    name = someone.resource("Patient")["name"][0]["family"]
    for word in (name, someone.nhs_number, "ZZGP01", "Observation"):
        assert word.encode() not in content + keys
    for path in (*quick.content.iterdir(), *quick.keys.iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_old_backups_go_by_their_own_retention(quick: Site) -> None:
    quick.done("load", "--people", "1")
    for _ in range(3):
        quick.back_up()
        quick.done("clock", "advance", "10d")
    said = quick.done(
        "backup", "--to", str(quick.content), "--keys-to", str(quick.keys), "--keep-days", "25", "--keep-keys-days", "5"
    )
    assert said.count("Deleted content-") == 2
    assert said.count("Deleted keys-") == 6
    assert len(list(quick.content.glob("*.sqlite"))) == 3
    assert len(list(quick.keys.glob("*.sqlite"))) == 1
    quick.lose_the_database()
    assert "Epoch 1 begins" in quick.restore("--epoch", "1")


def test_what_cannot_be_done_is_said_and_changes_nothing(quick: Site) -> None:
    both = ("--to", str(quick.content), "--keys-to", str(quick.keys))
    assert "there is no database" in quick.refused("backup", *both)
    quick.done("load", "--people", "2")
    same = quick.refused("backup", "--to", str(quick.content), "--keys-to", str(quick.content))
    assert "different folders" in same
    said = quick.back_up()
    content = Path(said["content"])
    before = (quick.home / "records.sqlite").read_bytes()
    given = ("restore", "--from", str(quick.content), "--keys-from", str(quick.keys))
    assert "there is a database" in quick.refused(*given)
    assert (quick.home / "records.sqlite").read_bytes() == before
    quick.lose_the_database()
    assert "no exported heads" in quick.refused(*given)
    whole = content.read_bytes()
    content.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    assert "is not as it was when the backup was made" in quick.refused(*given, "--epoch", "1")
    content.write_bytes(whole)
    assert "of this deployment" in quick.refused(*given, "--epoch", "1", EPACCS_TENANT="elsewhere")
    assert not list(quick.home.glob("records.sqlite*")), "nothing was left"
    for words in ((), ("--from", str(quick.content)), (*given[1:], "--in-place")):
        assert quick.run("restore", *words)[0] == 2
    assert "docs/backup.md" in quick.refused("backup", *both, EPACCS_STORE="mongodb://127.0.0.1:1/x")
    assert "Epoch 7 begins" in quick.restore("--epoch", "7")
    quick.lose_the_database()
    assert "from 8 to 999" in quick.refused(*given, "--epoch", "7")


def test_a_backup_that_does_not_verify_is_put_in_place_only_when_asked(quick: Site) -> None:
    quick.done("load", "--people", "2")
    with closing(sqlite3.connect(quick.home / "records.sqlite")) as database, database:
        database.execute("DELETE FROM heads WHERE number = (SELECT min(number) FROM records)")
    quick.back_up()
    quick.lose_the_database()
    given = ("restore", "--from", str(quick.content), "--keys-from", str(quick.keys), "--epoch", "1")
    assert "Nothing was put in place" in quick.refused(*given)
    assert not (quick.home / "records.sqlite").exists()
    assert not (quick.home / "heads.jsonl").exists(), "an epoch that did not begin is not made known"
    assert "the record has no head" in quick.done(*given, "--accept-findings")
    assert (quick.home / "records.sqlite").exists()


def test_a_database_restored_by_other_tools_begins_an_epoch_where_it_lies(quick: Site, tmp_path: Path) -> None:
    with quick.serving() as service:
        someone = admitted(service, 66)
        reference = made(service, note(someone, "one"))
    kept = tmp_path / "snapshot"
    shutil.copytree(quick.home, kept)
    with quick.serving() as service:
        assert put(service, reference, 1, note(someone, "lost")).status_code == 200
    quick.lose_the_database()
    for path in kept.glob("records.sqlite*"):
        shutil.copy(path, quick.home / path.name)
    assert quick.run("verify")[0] == 1
    said = quick.done("restore", "--in-place")
    assert "Nothing is wrong." in said
    with quick.serving() as service:
        answer = put(service, reference, 1, note(someone, "two"))
        assert answer.headers["etag"] == f'W/"{VERSIONS_OF_AN_EPOCH + 2}"'
    verified = quick.done("verify")
    assert "a backup of the database's own" in verified
    assert "Nothing is wrong." in verified


def test_a_collector_that_is_away_holds_up_no_restore(quick: Site, tmp_path: Path) -> None:
    quick.done("load", "--people", "1")
    quick.back_up()
    quick.lose_the_database()
    quick.settings["EPACCS_SYSLOG"] = str(tmp_path / "no-such-socket")
    assert "Epoch 1 begins" in quick.restore("--epoch", "1")
    assert b'"epoch"' in (quick.home / "heads.jsonl").read_bytes()
    del quick.settings["EPACCS_SYSLOG"]
    assert "Nothing is wrong." in quick.done("verify")
