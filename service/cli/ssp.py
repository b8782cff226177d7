"""`epaccs ssp`: the endpoint behind pointers of the National Record Locator, in a process of its own."""

from __future__ import annotations

import resource
from pathlib import Path

import click

from service import logs
from service.cli.common import fail, plain_errors, read_settings
from service.cli.serve import check_files
from service.document.press import NoFonts, Press
from service.ssp.serving import read_for, ssp_server


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Say whether FILE can be used, and end.")
@plain_errors
def ssp(file: Path, check: bool) -> None:
    """Serve plans as PDF to those who follow pointers through the Spine Secure Proxy, as FILE describes.

    It runs beside `epaccs serve`, with the same settings, on a port of its own.
    """
    settings = read_settings()
    described = read_for(settings, file)
    try:
        Press()
    except NoFonts as problem:
        fail(str(problem))
    if check:
        click.echo("It can be used.")
        return
    check_files(settings)
    # A core file would hold keys and plaintext.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logs.configure(settings.log_level)
    ssp_server(settings, described).run()
