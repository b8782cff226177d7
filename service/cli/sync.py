"""`epaccs sync`: how the traffic with partners stands, and what people do about it. It works beside a running service.

What is ordered lies on the partner's page in the store; whichever process serves the partner takes it up.
"""

from __future__ import annotations

import asyncio
import getpass
import secrets
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import click
import msgspec

from adapters.partners import read_partners
from security.errors import InvalidConfiguration, InvalidPolicy
from security.localities import load_policies
from security.principal import NamedPerson, Principal, Purpose, Role
from security.registry import ClientRegistry
from security.scopes import OPERATIONS_READ, OPERATIONS_WRITE
from service.app import services_of
from service.cli.common import fail, plain_errors, read_settings
from service.cli.sync_words import as_json, lines, subscription_as_json, subscription_lines
from service.opening import open_service
from service.record.caller import Caller
from service.record.errors import NotHere, TooBusy
from service.settings import Settings
from service.sync.board import Way
from service.sync.look_again import PDS, SOURCES
from service.sync.members import Member, members_of
from service.sync.operating import Operating
from service.syncing import operating_of
from service.wiring import database_file

ISSUER = "command-line"
"""Who vouches for whoever gave a command, in audit entries: the machine that they are signed in to."""
P = ParamSpec("P")
T = TypeVar("T")
Action = Callable[[Operating, Caller], Awaitable[T]]


@click.group()
def sync() -> None:
    """See how changes travel to partners and from them, and do something about what does not."""


def _acting(command: Callable[Concatenate[str, str, P], None]) -> click.Command:
    """Make a command that does something to a partner, as somebody."""

    @click.argument("partner")
    @click.option("--as", "name", help="Who does it, instead of the name that you are signed in under here.")
    @plain_errors
    @wraps(command)
    def run(partner: str, name: str | None, *args: P.args, **kwargs: P.kwargs) -> None:
        command(partner, who(name), *args, **kwargs)

    return sync.command()(run)


@sync.command()
@click.argument("partner", required=False)
@click.option("--json", "json", is_flag=True, help="Say it as JSON.")
@plain_errors
def status(partner: str | None, json: bool) -> None:
    """Say how PARTNER, or each, stands; end with 1 when somebody has to do something."""

    async def look(operating: Operating, caller: Caller) -> bool:
        if partner is None:
            found = await operating.overview(caller)
        else:
            found = [await operating.standing(caller, partner)]
        if json:
            click.echo(msgspec.json.format(msgspec.json.encode([as_json(one) for one in found]), indent=2))
        elif not found:
            click.echo("There are no partners: EPACCS_PARTNERS names no folder, or an empty one.")
        else:
            click.echo("\n\n".join("\n".join(lines(one)) for one in found))
        return any(one.needs for one in found)

    if _with(partner or "", who(None), look):
        sys.exit(1)


@sync.command()
@click.option("--json", "json", is_flag=True, help="Say it as JSON.")
@plain_errors
def subscriptions(json: bool) -> None:
    """Say how FHIR Subscriptions stand; end with 1 when somebody has to do something."""
    found = _with("", who(None), lambda operating, caller: operating.subscriptions(caller))
    if json:
        said = [subscription_as_json(one) for one in found]
        click.echo(msgspec.json.format(msgspec.json.encode(said), indent=2))
    else:
        click.echo("\n\n".join("\n".join(subscription_lines(one)) for one in found) or "There are no Subscriptions.")
    if any(one.need for one in found):
        sys.exit(1)


@_acting
@click.argument("lane", required=False, default="")
def retry(partner: str, name: str, lane: str) -> None:
    """Let PARTNER be tried again now; with LANE (an id of `status`) that one alone, which was stopped."""
    _with(partner, name, lambda operating, caller: operating.retry(caller, partner, lane))
    click.echo("Ordered.")


@_acting
@click.argument("message", required=False, default="")
def replay(partner: str, name: str, message: str) -> None:
    """Translate MESSAGE (an id of `status`) again as it came, or every message that could not be taken in."""
    _with(partner, name, lambda operating, caller: operating.replay(caller, partner, message))
    click.echo("Ordered.")


@_acting
@click.argument("id")
@click.option("--way", type=click.Choice([way.value for way in Way]), default=Way.OUT.value, show_default=True)
@click.option("--take-up", is_flag=True, help="Take it up again.")
def park(partner: str, name: str, id: str, way: str, take_up: bool) -> None:
    """Put aside what is stopped (`--way out`) or could not be taken in (`--way in`); it stays on the list."""
    _with(partner, name, lambda operating, caller: operating.park(caller, partner, id, Way(way), parked=not take_up))
    click.echo("Taken up again." if take_up else "Put aside.")


@_acting
def pause(partner: str, name: str) -> None:
    """Let nothing be sent to PARTNER, or asked of it, until somebody resumes it. What waits is kept."""
    _with(partner, name, lambda operating, caller: operating.pause(caller, partner))
    click.echo("Paused.")


@_acting
def resume(partner: str, name: str) -> None:
    """End the pause of PARTNER."""
    _with(partner, name, lambda operating, caller: operating.resume(caller, partner))
    click.echo("Resumed.")


@sync.command()
@plain_errors
def check() -> None:
    """Judge descriptions, mappings and clients of all partners, and name every problem; end with 2 if there is any.

    Nothing is sent, and no service need run.
    """
    settings = read_settings()
    found, problems = judged(settings)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        click.echo(f"{len(problems)} thing(s) are wrong.", err=True)
        sys.exit(2)
    for file, member in found.items():
        click.echo(f"{file}: {member.name}, {member.description.title}")
    click.echo("Nothing is wrong." if found else "There are no partners.")
    carried = {member.description.locality for member in found.values() if member.description.notices}
    if not carried:
        click.echo("No partner carries notices of emergency reads to people: they wait, and nobody is told.")
    elif "" not in carried:
        named = ", ".join(sorted(carried))
        click.echo(f"Notices of emergency reads are carried to people of {named} alone: those of others wait.")
    kinds = {member.description.kind for member in found.values()}
    if kinds & SOURCES and PDS not in kinds:
        click.echo("No partner of kind `pds` looks up the people of whom events tell: events about people here wait.")


def judged(settings: Settings) -> tuple[dict[str, Member], list[str]]:
    """Return the partners by the name of their file, and everything that is wrong, each with the file that has it."""
    if settings.partners is None:
        return {}, []
    try:
        partners, problems = read_partners(settings.partners)
        policies = load_policies(settings.policy, settings.localities)
        registry = ClientRegistry.load(settings.clients, policies.roles)
    except (InvalidConfiguration, InvalidPolicy) as error:
        return {}, list(error.problems)
    files = {partner.name: file for file, partner in partners.items()}
    try:
        members = members_of(partners.values(), registry, policies)
    except InvalidConfiguration as error:
        # Each is said of a partner by its name; whoever mends it looks for the file.
        said = (problem.partition(": ") for problem in error.problems)
        return {}, problems + [f"{files.get(name, name)}: {rest}" for name, _, rest in said]
    return {files[member.name]: member for member in members}, problems


def _with(partner: str, name: str, action: Action[T]) -> T:
    """Do something on the store that the settings name, beside whatever else has it open."""
    settings = read_settings()
    if settings.store.startswith("sqlite") and not database_file(settings).exists():
        fail(f"{database_file(settings)}: there is no database.")

    async def run() -> T:
        opened = await open_service(settings)
        try:
            operating = operating_of(opened, services_of(opened).interactions.write_record.access)
            member = operating.members.get(partner)
            if partner and member is None:
                fail(f"There is no partner `{partner}`. Partners: {', '.join(sorted(operating.members)) or 'none'}.")
            return await action(operating, caller_of(name, member))
        except NotHere:
            fail("That id is not on the partner's list; `epaccs sync status` shows what is.")
        except TooBusy:
            fail("The partner's page kept changing meanwhile. Try again.")
        finally:
            await opened.store.close()

    return asyncio.run(run())


def who(name: str | None) -> str:
    """Return who acts: as given, else who is signed in on this machine."""
    if name is None:
        try:
            name = getpass.getuser()
        except (OSError, KeyError):  # no name is known of this user's number
            name = ""
    if not 0 < len(name) <= 120 or not name.isprintable():
        raise click.UsageError("--as is a name of 1 to 120 characters.")
    return name


def caller_of(name: str, member: Member | None) -> Caller:
    """Return whoever gave a command as a caller. They act for the organisation that answers for the partner, so its
    privacy officer finds what they did."""
    principal = Principal(
        client_id="epaccs-sync",
        organisation="" if member is None else member.description.owner.organisation,
        role=Role.ADMIN,
        purpose=Purpose.PATADMIN,
        registered_roles=frozenset({Role.ADMIN}),
        scopes=frozenset({OPERATIONS_READ, OPERATIONS_WRITE}),
        token_id="",
        issuer=ISSUER,
        user=NamedPerson(name, name),
    )
    return Caller(principal, secrets.token_hex(16))
