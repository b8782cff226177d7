"""`epaccs conformance`: whether a partner's test system keeps the rules that this product leans on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from adapters.conformance import DEFAULT_PERSON, Report, conformance_of, problem_of
from adapters.conformance_rules import Verdict
from adapters.partners import read_partner
from adapters.surroundings import Surroundings
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode
from security.errors import InvalidConfiguration
from security.keys import open_keys
from service.cli.common import furnish, plain_errors, read_settings
from service.settings import Settings
from service.wiring import clock_of

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_WIDTH = max(len(verdict) for verdict in Verdict)


@click.command()
@click.option("--partner", "file", required=True, type=_FILE, help="Description of the partner's test system.")
@click.option("--person", "person_file", type=_FILE, help="A synthetic Patient (JSON) whom the test system knows.")
@click.option("--opens-with", type=_FILE, help="The test system's private key, for files that are sealed to it.")
@click.option("--test-system", is_flag=True, help="Needed in production: what the file describes is a test system.")
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
@plain_errors
def conformance(
    file: Path, person_file: Path | None, opens_with: Path | None, test_system: bool, as_json: bool
) -> None:
    """Check a partner's TEST system against the rules for partners, with a synthetic person alone.

    Things are written there, changed, and taken away again. Ends with 0 when no rule is broken, 1 when one is, and 2
    when it cannot be run.
    """
    settings = read_settings()
    if not (settings.has_demo_doors or test_system):
        _refuse("This is production. Say --test-system if what the file describes is a test system: it is written to.")
    furnish(settings)
    person = DEFAULT_PERSON
    if person_file is not None:
        try:
            person = decode(person_file.read_bytes())
        except InvalidJson:
            _refuse(f"{person_file}: it is not JSON that can be read.")
    if problem := problem_of(person):
        _refuse(f"{person_file}: {problem}.")
    try:
        partner = read_partner(file)
        report = asyncio.run(conformance_of(partner, _surroundings(settings), person, opens_with))
    except InvalidConfiguration as error:
        _refuse(f"{file}: the description cannot be used:", *(f"  - {problem}" for problem in error.problems))
    click.echo(_json(partner.name, report) if as_json else "\n".join(_lines(report)))
    sys.exit(1 if report.count(Verdict.BROKEN) else 0)


def _surroundings(settings: Settings) -> Surroundings:
    pem = open_keys(settings.keys).issuer_pem.encode()
    return Surroundings(clock_of(settings), settings.fhir_base, pem, private_addresses=settings.has_demo_doors)


def _lines(report: Report) -> list[str]:
    lines = []
    for result in report.results:
        one = result.rule
        lines.append(f"{result.verdict:<{_WIDTH}}  {one.id:<18} {one.sentence} [{one.source}]")
        if result.why:
            lines.append(f"{'':<{_WIDTH}}  {'':<18} {result.why}")
    lines += [f"Left there: {sentence}" for sentence in report.left] or ["Nothing is left there."]
    counts = ", ".join(f"{report.count(verdict)} {verdict}" for verdict in Verdict)
    return [*lines, counts]


def _json(name: str, report: Report) -> str:
    rules = [
        {
            "id": result.rule.id,
            "sentence": result.rule.sentence,
            "source": result.rule.source,
            "verdict": str(result.verdict),
            "why": result.why,
        }
        for result in report.results
    ]
    said = {"partner": name, "rules": rules, "left": report.left}
    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode()


def _refuse(*lines: str) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    sys.exit(2)
