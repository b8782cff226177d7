"""The demo doors: move time, get a token for anyone, run the sharing decision alone. Refused in production."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from security.clock import LONDON, MovableClock, instant
from security.decide_request import answer, read_requests
from security.demo_clients import DEMO_CLIENTS
from security.errors import DecideRequestError
from security.keys import open_keys
from security.localities import load_policies
from security.registry import ClientRegistry
from service.cli.common import fail, plain_errors, read_settings, require_demo_doors
from service.opening import issuer_of
from service.settings import Settings
from service.wiring import clock_of

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.group()
def clock() -> None:
    """Move the time of every process of this home (demo and sandbox)."""


@clock.command("set")
@click.argument("time")
@plain_errors
def set_time(time: str) -> None:
    """Make it TIME (ISO 8601; London when no zone is given). Time runs on from there."""
    _told(lambda moved: moved.set(_moment(time)))


@clock.command()
@click.argument("duration")
@plain_errors
def advance(duration: str) -> None:
    """Move time forward by DURATION: 90s, 15m, 12h, 3d, 2w, or a sum such as 1d12h."""
    _told(lambda moved: moved.advance(_duration(duration)))


@clock.command()
@plain_errors
def release() -> None:
    """Return to the machine's own time."""
    _told(lambda moved: moved.release())


@click.command()
@click.argument("client", required=False)
@click.option("--as", "role", help="Role of anyone, such as ambulance.")
@click.option("--org", "organisation", help="ODS code of the organisation.")
@click.option("--user", help="Id of the person; without it the stock person of the role acts.")
@click.option("--assurance", type=click.IntRange(1, 3), default=1, show_default=True, help="Factors of sign-in.")
@click.option("--purpose", help="Purpose of use, such as TREAT.")
@click.option("--incident", help="Incident number that the caller quotes.")
@plain_errors
def token(
    client: str | None,
    role: str | None,
    organisation: str | None,
    user: str | None,
    assurance: int,
    purpose: str | None,
    incident: str | None,
) -> None:
    """Print an access token of the demo client CLIENT, or of anyone with --as and --org (demo and sandbox)."""
    settings = read_settings()
    require_demo_doors(settings)
    if (client is None) == (role is None) or (role is not None and organisation is None):
        raise click.UsageError("Name a demo client, or give --as ROLE with --org ODS.")
    policies = load_policies(settings.policy, settings.localities)
    if role is not None and role not in policies.roles:
        raise click.UsageError(f"Roles are: {', '.join(sorted(policies.roles))}.")
    registry = ClientRegistry.load(settings.clients, policies.roles)
    issuer = issuer_of(settings, open_keys(settings.keys), registry, clock_of(settings), _no_register)
    if client is not None:
        demo, registered = DEMO_CLIENTS.get(client), registry.get(client)
        if demo is None or registered is None:
            raise click.UsageError(f"Demo clients are: {', '.join(DEMO_CLIENTS)}.")
        click.echo(issuer.issue(registered, demo.asserted(), registered.scopes))
        return
    minted = issuer.mint(
        role or "", organisation or "", user_id=user, assurance=assurance, purpose=purpose, incident=incident
    )
    click.echo(minted)


@click.command()
@click.option("--request", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", "at", required=True, help="The time of the decision (ISO 8601).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one answer a line.")
@plain_errors
def decide(file: Path, at: str, as_json: bool) -> None:
    """Run the sharing decision alone on a request file: JSON, or NDJSON for many. Words: docs/decide.md."""
    settings = read_settings()
    require_demo_doors(settings)
    policies = load_policies(settings.policy, settings.localities)
    moment = _moment(at)
    try:
        answers = [answer(request, policies, moment) for request in read_requests(file.read_bytes())]
    except DecideRequestError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    for found in answers:
        click.echo(json.dumps(found, sort_keys=True) if as_json else _plain(found))


def _plain(found: dict[str, object]) -> str:
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in found.items()
    )


def _told(move: Callable[[MovableClock], None]) -> None:
    settings = read_settings()
    require_demo_doors(settings)
    moved = _movable(settings)
    move(moved)
    click.echo(instant(moved()))


def _movable(settings: Settings) -> MovableClock:
    found = clock_of(settings)
    if not isinstance(found, MovableClock):
        fail("Time can be moved only with EPACCS_ENV=demo or sandbox.")
    return found


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError("Give the time as ISO 8601, such as 2026-03-29T03:00.") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=LONDON).astimezone(UTC)


def _duration(text: str) -> timedelta:
    if not re.fullmatch(r"-?([0-9]+[smhdw])+", text):
        raise click.UsageError("Give the duration as 90s, 15m, 12h, 3d, 2w or a sum such as 1d12h.")
    parts = re.findall(r"([0-9]+)([smhdw])", text)
    total = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    return -total if text.startswith("-") else total


async def _no_register(token: bytes, expires: datetime) -> bool:
    raise RuntimeError("commands sign tokens themselves and spend no assertion")
