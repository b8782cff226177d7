"""A description of kind `mns` with its files, and the strict far end that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from adapters.mns import MnsAdapter
from adapters.notes import Notes, NotesInMemory
from adapters.partners import Description, Limits, Owner, Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from tests.adapters.mesh_small import Time
from tests.standins.multicast import ACCESS_KEY, API_KEY, ARN, KID, REGION, SECRET, Multicast, multicast


@cache
def key() -> RSAKey:
    """Return our private key: made once, because making one takes a while."""
    return RSAKey.generate_key(2048, {"kid": KID, "use": "sig"})


@dataclass
class World:
    """`notes` outlive an adapter, as they outlive a process."""

    folder: Path
    far: Multicast
    time: Time
    more: dict[str, Any] = field(default_factory=dict)
    notes: Notes = field(default_factory=NotesInMemory)

    def partner(self, **more: Any) -> Partner:
        """Return the description; `more` are settings."""
        settings = {
            "queue_url": self.far.queue_url,
            "region": REGION,
            "keys_file": "aws-key",
            "wait": 0,
            "visibility": 300,
            **self.more,
            **more,
        }
        described = Description(
            name="mns",
            kind="mns",
            title="Events of MNS",
            client="pds-events",
            owner=Owner("Desk", "ZZHSP1"),
            gets=False,
            sends=True,
            limits=Limits(timeout=5.0),
            settings=settings,
        )
        return Partner(described, self.folder)

    def adapter(self, **more: Any) -> MnsAdapter:
        """Return an adapter as a process that has just begun has it."""
        around = Surroundings(self.time, "https://ours.test/fhir", b"", True, lambda _: self.notes)
        made = kind_of(self.partner(**more)).adapter(self.partner(**more), around)
        assert isinstance(made, MnsAdapter)
        return made

    def subscription(self, **more: Any) -> dict[str, Any]:
        """Return settings that ask MNS for events."""
        return {
            "base": self.far.base,
            "auth": {
                "token_url": f"{self.far.base}/oauth2/token",
                "api_key_file": "api-key",
                "key_file": "api.jwk",
                "kid": KID,
            },
            "endpoint": ARN,
            **more,
        }


def private(path: Path, content: str) -> None:
    """Write a file that nobody else may read."""
    path.touch(mode=0o600)
    path.write_text(content)


@contextmanager
def mns_world(folder: Path) -> Iterator[World]:
    """Run the far end, and write our files."""
    time = Time()
    aws = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET}
    private(folder / "aws-key", json.dumps(aws))
    private(folder / "api-key", f"{API_KEY}\n")
    private(folder / "api.jwk", json.dumps(key().as_dict(private=True)))
    with multicast(time) as far:
        far.public_key = RSAKey.import_key(key().as_dict(private=False))
        yield World(folder, far, time)
