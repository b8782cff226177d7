"""`epaccs crew-link`: what a control room's system does for a crew, in one command, to try the pages with."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from adapters.fhir_rest import FhirClient
from fhir_profiles.errors import InvalidNhsNumber, InvalidOdsCode
from fhir_profiles.identifiers import NhsNumber, OdsCode
from service.cli.acting import acting_as
from service.cli.common import plain_errors, read_settings, require_demo_doors
from service.settings import Settings


@click.command("crew-link")
@click.argument("nhs_number")
@click.option(
    "--org", "organisation", default="ZZAMB1", show_default=True, help="ODS code of the service that attends."
)
@click.option("--incident", default="INC-1", show_default=True, help="Your number of the incident.")
@plain_errors
def crew_link(nhs_number: str, organisation: str, incident: str) -> None:
    """Open an incident as the demo control room and print the crew's link (demo and sandbox; the service must run)."""
    settings = read_settings()
    require_demo_doors(settings)
    try:
        number, attending = NhsNumber(nhs_number).value, OdsCode(organisation).value
    except InvalidNhsNumber:
        raise click.UsageError("The NHS number does not have ten digits with a right check digit.") from None
    except InvalidOdsCode:
        raise click.UsageError("--org is not an ODS organisation code.") from None
    found = asyncio.run(_link(settings, number, attending, incident))
    click.echo(found["url"])
    click.echo(f"Good until {found['expires']}, for crews of {attending}.", err=True)


async def _link(settings: Settings, number: str, organisation: str, incident: str) -> dict[str, str]:
    async with acting_as(settings, "demo-control-room") as http:
        client = FhirClient(http, settings.fhir_base)
        asked = _parameters(nhsNumber=number, organization=organisation, incident=incident)
        opened = _values((await client.operation("$open-incident", asked)).resource)
        return _values((await client.operation("$crew-link", _parameters(id=opened["id"]))).resource)


def _parameters(**values: str) -> dict[str, Any]:
    rows = [{"name": name, "valueString": value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": rows}


def _values(answer: dict[str, Any] | None) -> dict[str, str]:
    return {str(item["name"]): str(item["valueString"]) for item in (answer or {}).get("parameter", ())}
