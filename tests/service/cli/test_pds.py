"""`epaccs pds` as somebody uses it, at a stand-in of PDS: numbers come in by standard input and go nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.people.invented import nhs_number
from tests.adapters.pds_world import KEY, described
from tests.running import demo_settings
from tests.service.record.house import create, doctor, house
from tests.service.record.house import patient as made
from tests.standins.pds import StandInPds, person, standing

NUMBER, OURS = made(14_000)
ABSENT = nhs_number(614_001)


@pytest.fixture
def pds() -> Iterator[StandInPds]:
    moment = iter(range(1_000_000))
    with standing(KEY, lambda: datetime.now(UTC), lambda: float(next(moment))) as running:
        running.add(person(NUMBER))
        yield running


@pytest.fixture
def home(tmp_path: Path, pds: StandInPds) -> Path:
    """A home with one person and a description of the stand-in."""
    home, folder = tmp_path / "home", tmp_path / "partners"
    folder.mkdir()
    demo_settings(home, 8000)
    told = msgspec.to_builtins(described(folder, pds.base, pds.token_url, per_second=1000.0).description)
    (folder / "pds.json").write_text(json.dumps({**told, "client": "demo-directory"}))

    async def take_on() -> None:
        async with house(home, home / "records.sqlite") as opened:
            await opened.write(create(OURS), caller=doctor())

    asyncio.run(take_on())
    return home


def run(home: Path, *words: str, said: str = "") -> Result:
    given = {"EPACCS_ENV": "demo", "EPACCS_HOME": str(home), "EPACCS_PARTNERS": str(home.parent / "partners")}
    return CliRunner().invoke(main, words, input=said, env=given)


def test_numbers_are_verified_and_not_repeated(home: Path, pds: StandInPds) -> None:
    result = run(home, "pds", "verify", said=f"{NUMBER[:3]} {NUMBER[3:6]} {NUMBER[6:]}\n\n{ABSENT}\nabc\n")
    assert result.output.splitlines() == [
        "1: changed; verified, practice",
        "2: not-here",
        "3: This is no NHS number.",
    ]
    assert result.exit_code == 1
    assert pds.requests == [f"/Patient/{NUMBER}"]
    again = run(home, "pds", "verify", "--json", said=NUMBER)
    assert json.loads(again.output) == {"line": 1, "outcome": "unchanged", "did": [], "reviews": []}
    assert again.exit_code == 0


def test_what_somebody_has_to_look_at_ends_with_one(home: Path, pds: StandInPds) -> None:
    pds.invalidated.add(NUMBER)
    result = run(home, "pds", "verify", said=NUMBER)
    assert (result.output, result.exit_code) == ("1: changed; frozen, not-verified, review; invalidated\n", 1)


def test_when_pds_is_away_it_says_so(home: Path, pds: StandInPds) -> None:
    pds.token_answers = [(503, {})]
    result = run(home, "pds", "verify", said=NUMBER)
    assert (result.output, result.exit_code) == ("1: The partner's system cannot take it now.\n", 1)


def test_a_trace_is_shown_to_whoever_asked_and_links_nobody(home: Path, pds: StandInPds) -> None:
    other = nhs_number(614_002)
    pds.add(person(other, name=[{"use": "usual", "family": "Someone", "given": ["Bo"]}], birthDate="1931-03-04"))
    result = run(home, "pds", "trace", said='{"family": "Someone", "birthDate": "1931-03-04"}')
    assert (other in result.output, result.exit_code) == (True, 0)
    nobody = run(home, "pds", "trace", said='{"family": "Nobody", "birthDate": "1931-03-04"}')
    assert (nobody.output, nobody.exit_code) == ("PDS finds nobody.\n", 1)
    pds.add(person(nhs_number(614_003), name=pds.people[other]["name"], birthDate="1931-03-04"))
    several = run(home, "pds", "trace", said='{"family": "Someone", "birthDate": "1931-03-04"}')
    assert (several.output, several.exit_code) == ("More than one person fits. Say more of the person.\n", 1)
    assert "Someone" not in run(home, "pds", "trace", said='{"family": "Someone"}').output
    assert run(home, "pds", "verify", said=other).output == "1: not-here\n"


def test_without_a_description_there_is_nobody_to_ask(home: Path) -> None:
    (home.parent / "partners" / "pds.json").unlink()
    result = run(home, "pds", "verify", said=NUMBER)
    assert (result.output, result.exit_code) == ("No partner of kind `pds` is described in EPACCS_PARTNERS.\n", 1)
