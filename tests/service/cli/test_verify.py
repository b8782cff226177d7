"""`epaccs verify` as an operator runs it: beside the service and after it, on a home of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from service.people.invented import nhs_number
from tests.running import running
from tests.service.cli.test_commands import _done, _run


def test_a_home_is_verified_beside_its_service_and_what_was_done_to_it_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _done(home, "keys", "init")
    absent = _run(home, "verify")
    assert absent.returncode == 1
    assert "there is no database" in absent.stderr
    assert not (home / "records.sqlite").exists()
    _done(home, "load", "--people", "3")
    assert "No exported heads" in _done(home, "verify")

    with running(home, EPACCS_ENV="sandbox") as service:
        service.emergency(service.token("gp", "ZZGP01"), nhs_number(1))
        beside = _done(home, "verify")
        assert "Nothing is wrong." in beside
    assert (home / "heads.jsonl").read_bytes().count(b"\n") >= 2, "one at the start, one at the end"
    copy = tmp_path / "kept-elsewhere.jsonl"
    copy.write_bytes((home / "heads.jsonl").read_bytes())
    after = _done(home, "verify", "--heads", str(copy), "--resume")
    assert "Checked 3 records and 4 audit entries of 2 chains" in after
    assert "a second" in after
    assert "Exported heads: " in after

    with closing(sqlite3.connect(home / "records.sqlite")) as database, database:
        (record,) = database.execute("SELECT record_id FROM records ORDER BY record_id LIMIT 1").fetchone()
        database.execute("DELETE FROM heads WHERE number = (SELECT number FROM records WHERE record_id = ?)", (record,))
        database.execute("DELETE FROM audit WHERE filed = (SELECT max(filed) FROM audit)")
    wrong = _run(home, "verify", "--heads", str(copy))
    assert wrong.returncode == 1
    assert record.hex() in wrong.stdout
    assert "the record has no head" in wrong.stdout
    assert "the chain ends before a head that was exported" in wrong.stdout
    assert "2 thing(s) are wrong." in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert not any(nhs_number(index) in wrong.stdout + wrong.stderr for index in range(3))
    unreadable = _run(home, "verify", "--heads", str(tmp_path / "nothing"))
    assert unreadable.returncode == 2
