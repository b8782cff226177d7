"""`epaccs openapi`: write openapi.yaml, or check that it says what the service says."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.common import fail


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; end with 1 when the file differs.")
@click.option("--file", "path", type=click.Path(path_type=Path), default="openapi.yaml", show_default=True)
def openapi(check: bool, path: Path) -> None:
    """Write the OpenAPI description of the service."""
    from service.api import openapi as description  # a developer's command: the service starts without it

    if not check:
        description.write(path)
    elif not description.check(path):
        fail(f"{path} differs from what the service says: run `make openapi`.")
