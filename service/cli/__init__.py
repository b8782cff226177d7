"""The command `epaccs`. Exit code 0: done, 1: it failed, 2: it was asked wrongly."""

from __future__ import annotations

from importlib import import_module

import click

from service import VERSION

COMMANDS = {
    "serve": "serve",
    "demo": "serve",
    "keys": "keys",
    "token": "doors",
    "crew-link": "crew",
    "load": "load",
    "clock": "doors",
    "decide": "doors",
    "verify": "verify",
    "backup": "backup",
    "restore": "backup",
    "sync": "sync",
    "partners": "partners",
    "pds": "pds",
    "conformance": "conformance",
    "openapi": "openapi",
    "ssp": "ssp",
}
"""Each command with the module of this package that holds it, under its name."""


class Commands(click.Group):
    """Imports a command when it is asked for: most of them need a small part of the program, and start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"service.cli.{COMMANDS[cmd_name]}"), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="epaccs")
def main() -> None:
    """Run and look after the shared palliative care record."""
