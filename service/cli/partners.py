"""`epaccs partners`: stand-in partners to see a change travel, and commands that make them misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import UTC, datetime
from pathlib import Path

import click

from security.clock import Clock
from service.cli.common import fail, plain_errors, read_settings, require_demo_doors
from service.cli.standins import NAMES, PARTNER_FOLDER, StandIn, command, control_url, standing_ins, state
from service.settings import Settings
from service.standins.behaviour import Word
from service.wiring import clock_of

_LOOK_EVERY_SECONDS = 0.5
_MOVED_SECONDS = 1.0


@click.group()
def partners() -> None:
    """Stand-in partners for integrators (demo and sandbox)."""


@partners.command("demo")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where descriptions are written.")
@plain_errors
def demo_partners(folder: Path | None) -> None:
    """Run a GP system, a hospice system and a control room until Ctrl-C, and describe them for EPACCS_PARTNERS."""
    settings = read_settings()
    require_demo_doors(settings)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us, the stand-ins are ended in order
    missing: list[str] = []
    target = folder or settings.home / PARTNER_FOLDER
    with contextlib.suppress(KeyboardInterrupt), standing_ins(settings, target, missing.append) as started:
        if missing:
            fail(*missing)
        click.echo(pages_of(started))
        click.echo(f"Descriptions are in {target}: EPACCS_PARTNERS={target}\nStop with Ctrl-C.")
        ended = asyncio.run(watch(started, clock_of(settings)))
        fail(f"{ended.title} ended by itself: the others are stopped too.")


@partners.command()
@click.argument("name", type=click.Choice(NAMES))
@click.argument("word", type=click.Choice([str(word) for word in Word], case_sensitive=False))
@click.option("--how", default="", help="DOWN: 503, refused. WRONG: content-type, truncated, person, outcome.")
@click.option("--seconds", type=float, help="For SLOW, REORDERING and RATE.")
@click.option("--times", type=int, default=0, help="For so many requests, then OK.")
@plain_errors
def say(name: str, word: str, how: str, seconds: float | None, times: int) -> None:
    """Tell the stand-in NAME how to behave: OK, DOWN, SLOW, DUPLICATING, REORDERING, WRONG or RATE."""
    settings = _settings()
    said = {"word": word.upper(), "how": how, "seconds": seconds, "times": times}
    if problem := asyncio.run(command(control_url(settings, name), "/say", said)):
        fail(problem)
    click.echo(f"{name}: {word.upper()}")


@partners.command("list")
@plain_errors
def list_partners() -> None:
    """Say which stand-ins run, and how they behave."""
    settings = _settings()
    for name in NAMES:
        word = asyncio.run(state(control_url(settings, name)))
        port = settings.standins_port + NAMES.index(name)
        click.echo(f"{name:<10} http://127.0.0.1:{port}  {word or 'does not run'}")


def pages_of(started: list[StandIn]) -> str:
    """Return the pages of stand-ins, a line each."""
    return "\n".join(f"  {one.title:<34} {one.addresses.page}" for one in started)


async def watch(started: list[StandIn], clock: Clock) -> StandIn:
    """Keep the stand-ins' time with the sandbox's until one of them ends; return that one."""
    told = 0.0
    while True:
        for one in started:
            if not one.alive:
                return one
        ahead = _ahead(clock)
        if abs(ahead - told) > _MOVED_SECONDS:
            told = ahead
            for one in started:
                await command(one.addresses.control, "/clock", {"ahead": ahead})
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _ahead(clock: Clock) -> float:
    """Return how many seconds the sandbox is ahead of the machine."""
    return (clock() - datetime.now(UTC)).total_seconds()


def _settings() -> Settings:
    settings = read_settings()
    if not settings.has_demo_doors:
        fail("This command exists only with EPACCS_ENV=demo or sandbox.")
    return settings
