"""`epaccs keys`: make and rotate the key file, and the files of registered clients beside it."""

from __future__ import annotations

import click

from security.keys import FileKeyRing, add_kek, key_path, switch_kek
from security.registry import ClientRegistry
from service.cli.common import plain_errors, read_settings


@click.group()
def keys() -> None:
    """Make and rotate keys. Back the key file up apart from the database: without it nothing can be read again."""


@keys.command()
@plain_errors
def init() -> None:
    """Make the key file that EPACCS_KEYS names, and an empty list of clients if there is none."""
    settings = read_settings()
    path = key_path(settings.keys)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    FileKeyRing.create(path)
    if not settings.clients.exists():
        settings.clients.parent.mkdir(parents=True, exist_ok=True)
        ClientRegistry(path=settings.clients).save()
    click.echo("Made a key file. Back it up, apart from the database.")


@keys.command()
@plain_errors
def add() -> None:
    """Add a key-encryption key that opens but does not wrap yet; bring the file to every node before you switch."""
    click.echo(add_kek(key_path(read_settings().keys)))


@keys.command()
@click.argument("key_id")
@plain_errors
def switch(key_id: str) -> None:
    """Let KEY_ID wrap from now on. Running processes take it up when they start again."""
    switch_kek(key_path(read_settings().keys), key_id)
    click.echo("Switched.")
