"""`python -m tests.crash.serving [--workers N]`: what `epaccs serve` runs, with the subscriber of the crash tests."""

from __future__ import annotations

import click

from service.cli.common import read_settings
from service.cli.serve import run
from tests.crash.telling import subscribing


@click.command()
@click.option("--workers", type=int, default=1)
def main(workers: int) -> None:
    """Run the service."""
    run(read_settings(), workers, subscribing)


if __name__ == "__main__":
    main()
