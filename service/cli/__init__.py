"""The command `epaccs`. Exit code 0: done, 1: it failed, 2: it was asked wrongly."""

from __future__ import annotations

import click

from service import VERSION
from service.cli.backup import backup, restore
from service.cli.conformance import conformance
from service.cli.crew import crew_link
from service.cli.doors import clock, decide, token
from service.cli.keys import keys
from service.cli.load import load
from service.cli.openapi import openapi
from service.cli.partners import partners
from service.cli.pds import pds
from service.cli.serve import demo, serve
from service.cli.ssp import ssp
from service.cli.sync import sync
from service.cli.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="epaccs")
def main() -> None:
    """Run and look after the shared palliative care record."""


for command in (
    *(serve, demo, keys, token, crew_link, load, clock, decide, verify, backup, restore),
    *(sync, partners, pds, conformance, openapi, ssp),
):
    main.add_command(command)
