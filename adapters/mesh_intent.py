"""What is written down before a MESH message is sent, so that a crash or a lost answer never sends it twice.

POST /outbox makes a new message every time. So that we mean to send is written first, by the caller, where it outlives
a crash; what MESH answered is written next. When the answer is lost, nobody posts again before MESH was asked whether
it has the message (`adapters.mesh_outbox`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from adapters.errors import NotSent


class Step(StrEnum):
    """How far the sending of one message has come, as far as we know."""

    POSTING = "posting"
    """It was about to be posted: MESH may have it or not."""
    NOT_SENT = "not-sent"
    """MESH does not have it: it refused it, or was never reached. It may be posted."""
    UPLOADING = "uploading"
    """MESH has it and gave it an id; chunks are missing."""
    SENT = "sent"
    """MESH has all of it. That is not a delivery."""


class Intent(msgspec.Struct, array_like=True, frozen=True):
    """What is known of the sending of one message; nothing of what it says or whom it is about.

    `mark` is by what MESH's tracking knows it. `begun` is when it was last about to be posted (FHIR instant). `digest`
    stands for the content, `size` is the chunk size that it was split by, `chunks` how many of `total` MESH confirmed.
    The order of fields is the stored form: append only, with a default.
    """

    key: str
    step: Step
    mark: str
    digest: str
    size: int
    total: int
    begun: str
    message_id: str = ""
    chunks: int = 0


class Overtaken(NotSent):
    """Another sending of the same message wrote first: nothing was sent by this one."""


class Intents(Protocol):
    """Where intents are kept: the caller's store. What `advance` wrote outlives a crash from the moment it returns."""

    async def held(self, key: str) -> Intent | None:
        """Return the intent of a key, as it was last written."""

    async def advance(self, before: Intent | None, after: Intent) -> None:
        """Write `after` if what is held of its key is `before`, in one step; raise Overtaken if it is not."""
