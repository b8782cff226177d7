"""`epaccs serve` and `epaccs demo`: the service, and the service with a cast of synthetic people in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from adapters.errors import OutsideError
from adapters.fhir_rest import FhirClient
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.demo_clients import DEMO_CLIENTS
from security.keys import open_keys
from security.localities import load_policies
from security.registry import ClientRegistry
from service import logs
from service.app import Subscribing, create_app
from service.cli.acting import acting_as
from service.cli.common import furnish, plain_errors, read_settings
from service.cli.partners import pages_of, watch
from service.cli.server import server_of
from service.cli.standins import PARTNER_FOLDER, StandIn, standing_ins
from service.cli.workers import serve_with
from service.opening import open_store
from service.people.demo import DemoPerson, demo_people
from service.people.rota import rota
from service.settings import Settings
from service.sync.engine import members
from service.syncing import partners_told
from service.wiring import clock_of


@click.command()
@click.option("--host", help="Address to listen on, instead of EPACCS_HOST.")
@click.option("--port", type=int, help="Port to listen on, instead of EPACCS_PORT.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that serve.")
@plain_errors
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Run the service."""
    overrides = {"EPACCS_HOST": host, "EPACCS_PORT": None if port is None else str(port)}
    settings = read_settings(**{name: value for name, value in overrides.items() if value is not None})
    run(settings, workers)


@click.command()
@click.option("--port", type=int, help="Port to listen on, instead of EPACCS_PORT.")
@plain_errors
def demo(port: int | None) -> None:
    """Run the service with synthetic people, registered demo clients, and commands to paste."""
    os.environ.setdefault("EPACCS_ENV", "demo")
    settings = read_settings(**({} if port is None else {"EPACCS_PORT": str(port)}))
    furnish(settings)
    logs.configure("WARNING")
    folder = settings.home / PARTNER_FOLDER
    with (
        contextlib.suppress(KeyboardInterrupt),
        standing_ins(settings, folder, partial(click.echo, err=True)) as started,
    ):
        told = settings if settings.partners or not started else replace(settings, partners=folder)
        asyncio.run(_demo(told, started))


def run(settings: Settings, workers: int, subscribing: Subscribing = partners_told) -> None:
    """Run the service in this process, or in several, until it is told to stop."""
    furnish(settings)
    check_files(settings)
    # A core file would hold keys and plaintext.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logs.configure(settings.log_level)
    if workers > 1:
        serve_with(settings, workers, subscribing)
    else:
        server_of(create_app(settings, subscribing=subscribing), settings).run()


def check_files(settings: Settings) -> None:
    """Raise what is wrong with keys, policy, clients or the store now: inside the server the sentence would be lost."""
    keys = open_keys(settings.keys)
    policies = load_policies(settings.policy, settings.localities)
    registry = ClientRegistry.load(settings.clients, policies.roles)
    members(settings.partners, registry, policies)

    async def open_and_close() -> None:
        await (await open_store(settings, keys, clock_of(settings))).close()

    asyncio.run(open_and_close())


async def _demo(settings: Settings, partners: list[StandIn]) -> None:
    server = server_of(create_app(settings), settings)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            await serving
            return
        await asyncio.sleep(0.02)
    cast = list(demo_people(clock_of(settings)()))
    await _fill(settings, cast)
    await _fill_directory(settings)
    _explain(settings, cast, partners)
    watching = asyncio.create_task(_watch(settings, partners))
    try:
        await serving
    finally:
        watching.cancel()


async def _watch(settings: Settings, partners: list[StandIn]) -> None:
    """Keep the stand-ins' time; say when one ends by itself, which is no reason to stop the service."""
    while partners:
        ended = await watch(partners, clock_of(settings))
        click.echo(f"{ended.title} ended by itself.", err=True)
        partners = [one for one in partners if one is not ended]


async def _fill(settings: Settings, cast: list[DemoPerson]) -> None:
    """Load those of the cast who are not there yet through the public API, as the demo practice's system would."""
    async with acting_as(settings, "demo-gp") as http:
        client = FhirClient(http, settings.fhir_base)
        with click.progressbar(cast, label="Loading synthetic people") as progress:
            for person in progress:
                try:
                    # Dates of a plan count from now, so a demo that starts again must not send its people again.
                    found = await client.search("Patient", {"identifier": f"{NHS_NUMBER_SYSTEM}|{person.nhs_number}"})
                    if found.resource is not None and not found.resource.get("total"):
                        await client.transaction(person.bundle)
                except OutsideError as error:
                    click.echo(f"\n{person.name}: not loaded ({type(error).__name__})", err=True)


async def _fill_directory(settings: Settings) -> None:
    """Write who answers at which hour into the shared directory; what is there already stays."""
    async with acting_as(settings, "demo-directory") as http:
        client = FhirClient(http, settings.fhir_base)
        for one in rota():
            try:
                await client.create(one)
            except OutsideError as error:
                click.echo(f"{one['name']}: not loaded ({type(error).__name__})", err=True)


def _explain(settings: Settings, cast: list[DemoPerson], partners: list[StandIn]) -> None:
    base, first = settings.base_url, cast[0].nhs_number
    click.echo(
        f"""
The demo is running at {base} (everything in it is invented; state is under {settings.home.name}/).

  for crews       {base}/crew
  documentation   {base}/docs
  capability      {settings.fhir_base}/metadata

NHS numbers worth trying:"""
    )
    for person in cast:
        click.echo(f"  {person.nhs_number}  {person.name}: {person.look_at}")
    if partners:
        click.echo(f"\nStand-in partners, each with a page (docs/sandbox.md):\n{pages_of(partners)}")
    click.echo(
        f"""
In another terminal, as the control room: open an incident for the ambulance service.

  export {_shell(settings)}
  CONTROL=$(.venv/bin/epaccs token demo-control-room)
  curl -s {settings.fhir_base}/\\$open-incident -H "Authorization: Bearer $CONTROL" \\
    -H 'Content-Type: application/fhir+json' -d '{{"resourceType":"Parameters","parameter":[
      {{"name":"nhsNumber","valueString":"{first}"}},
      {{"name":"organization","valueString":"ZZAMB1"}},
      {{"name":"incident","valueString":"INC-1"}}]}}'

As the ambulance: ask what matters now.

  CREW=$(.venv/bin/epaccs token demo-ambulance)
  curl -s {settings.fhir_base}/Patient/\\$emergency-summary -H "Authorization: Bearer $CREW" \\
    -H 'Content-Type: application/fhir+json' \\
    -d '{{"resourceType":"Parameters","parameter":[{{"name":"nhsNumber","valueString":"{first}"}}]}}' \\
    | python3 -m json.tool

On a paramedic's phone: the control room opens an incident and sends the crew this link.

  .venv/bin/epaccs crew-link {first}

Demo clients for `epaccs token`: {", ".join(DEMO_CLIENTS)}
Stop the demo with Ctrl-C.
"""
    )


def _shell(settings: Settings) -> str:
    """Return what another terminal has to set so that the commands there speak of this demo."""
    words = [f"EPACCS_ENV={settings.environment}"]
    if settings.home != Path("var").absolute():
        words.append(f"EPACCS_HOME={shlex.quote(str(settings.home))}")
    if settings.port != 8000:
        words.append(f"EPACCS_PORT={settings.port}")
    return " ".join(words)
