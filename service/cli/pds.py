"""`epaccs pds`: records verified against PDS, and somebody traced there. It works beside a running service.

Numbers and names are read from standard input alone: what stands on a command line is seen by everybody on the machine
and kept by shells.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
import msgspec

from adapters.errors import OutsideError
from adapters.pds import Candidates, Traced
from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber
from security.access_request import new_decision_id
from security.decision import IDENTITY_RULE, impersonal
from service.app import services_of
from service.cli.common import fail, plain_errors, read_settings
from service.cli.sync import caller_of, who
from service.opening import open_service
from service.record.access import Asked
from service.record.errors import TooBusy
from service.sync.pds_apply import Applied
from service.sync.retry import reason_of
from service.syncing import AtPds, partners_told, pds_of

T = TypeVar("T")
TRACE = "$trace-identity"


class _Whom(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    family: str
    birth_date: str
    given: str = ""
    postcode: str = ""


@click.group()
def pds() -> None:
    """Verify records against the Personal Demographics Service, and trace people there."""


@pds.command()
@click.option("--json", "json", is_flag=True, help="Say it as JSON, a line for each number.")
@plain_errors
def verify(json: bool) -> None:
    """Verify the records of NHS numbers, read from standard input, one a line.

    What PDS says is taken over. Each line is answered by its place in the input, and repeats nothing of it. Ends with
    1 when one was not verified, or somebody has to look.
    """
    lines = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]

    async def each(at: AtPds) -> bool:
        wrong = False
        for place, line in enumerate(lines, 1):
            said, good = await _verified(at, line)
            wrong |= not good
            click.echo(msgspec.json.encode({"line": place, **said}) if json else f"{place}: {_words(said)}")
        return wrong

    if _with(each):
        sys.exit(1)


@pds.command()
@click.option("--as", "name", help="Who asks, instead of the name that you are signed in under here.")
@plain_errors
def trace(name: str | None) -> None:
    """Trace somebody by JSON on standard input: family, birthDate, and given and postcode if known.

    It shows whom PDS finds, for you to compare with the person. It links nobody: whoever it is, record their number.
    """
    try:
        whom = msgspec.json.decode(sys.stdin.read(), type=_Whom)
    except msgspec.MsgspecError:
        fail("Standard input is one JSON object: family, birthDate, and given and postcode if known.")
    asked = Traced(whom.family, whom.birth_date, whom.given, whom.postcode)
    asker = who(name)

    async def ask(at: AtPds) -> Candidates:
        access, caller = at.apply.access, caller_of(asker, at.member)
        decision = impersonal(IDENTITY_RULE, caller.principal.role, access.policy, new_decision_id())
        named = ("family", "birthdate", *(["given"] if whom.given else []), *(["postcode"] if whom.postcode else []))
        await access.records.store.append_audit(access.entry(caller, decision, Asked(TRACE, (), named), None))
        return await at.adapter.pds.trace(asked)

    found = _with(ask)
    if found.too_many:
        fail("More than one person fits. Say more of the person.")
    if not found.people:
        fail("PDS finds nobody.")
    for one in found.people:
        person = one.person
        click.echo(f"{person.nhs_number}  {' '.join(person.given)} {person.family}  born {person.birth_date}")
        click.echo(f"PDS is {one.score:.0%} sure. Compare with the person before you record the number.")


async def _verified(at: AtPds, line: str) -> tuple[dict[str, object], bool]:
    try:
        applied = await at.apply(NhsNumber.written(line).value)
    except InvalidNhsNumber:
        return {"problem": "This is no NHS number."}, False
    except OutsideError as error:
        return {"problem": reason_of(error)}, False
    except TooBusy:
        return {"problem": "The record kept changing meanwhile. Try again."}, False
    return _as_json(applied), applied.verified


def _as_json(applied: Applied) -> dict[str, object]:
    return {"outcome": applied.outcome, "did": applied.did, "reviews": applied.reviews}


def _words(said: dict[str, object]) -> str:
    parts = [", ".join(value) if isinstance(value, tuple) else str(value) for value in said.values()]
    return "; ".join(part for part in parts if part)


def _with(action: Callable[[AtPds], Awaitable[T]]) -> T:
    settings = read_settings()

    async def run() -> T:
        opened = await open_service(settings)
        try:
            at = pds_of(opened, services_of(opened, partners_told(opened)))
            if at is None:
                fail("No partner of kind `pds` is described in EPACCS_PARTNERS.")
            try:
                return await action(at)
            finally:
                await at.adapter.close()
        finally:
            await opened.store.close()

    return asyncio.run(run())
