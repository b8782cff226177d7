"""`python -m tests.crash.sync_serving [--workers N]`: what `epaccs serve` runs, with the tests' kind of partner."""

from __future__ import annotations

import click

from service.cli.common import read_settings
from service.cli.serve import run
from service.opening import Opened
from service.record.subscribers import Subscribers
from service.syncing import partners_told
from tests.peers.posting import register

register()  # in every process that imports this module: each opens its partners itself


def subscribing(opened: Opened) -> Subscribers:
    """Return who hears of changes: the partners."""
    return partners_told(opened)


@click.command()
@click.option("--workers", type=int, default=1)
def main(workers: int) -> None:
    """Run the service."""
    from tests.crash import sync_serving  # by its own name, by which other processes import it

    run(read_settings(), workers, sync_serving.subscribing)


if __name__ == "__main__":
    main()
