"""What travels between the processes that read a SQLite file and the one that writes it: calls and their outcomes.

Each message is its length (4 bytes, big-endian) and MessagePack. All content is sealed, names are blind tokens: nothing
of a person crosses the socket. Both ends are the same version of this program, started by one command.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final

import msgspec

from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken, StoreError, StoreUnavailable
from service.store.port import Commit, SealedEntry

ARGUMENTS: Final[dict[str, Any]] = {
    "commit": tuple[Commit],
    "append_audits": tuple[list[tuple[SealedEntry, bytes | None]]],
    "spend_once": tuple[bytes, datetime],
    "keep": tuple[bytes, bytes, datetime],
    "done": tuple[bytes],
    "lease": tuple[bytes, bytes, datetime],
    "release": tuple[bytes, bytes],
    "count": tuple[bytes, datetime],
    "tidy": tuple[()],
    "check_writes": tuple[()],
}
"""The methods of the writing half, and what each takes."""

_LENGTH = 4
_CONFLICTS: dict[str, type[StoreError]] = {"SequenceTaken": SequenceTaken, "AlreadyRemembered": AlreadyRemembered}


class Call(msgspec.Struct, array_like=True):
    """One call; `number` names it on its connection."""

    number: int
    method: str
    arguments: msgspec.Raw


class Outcome(msgspec.Struct, array_like=True):
    """What became of a call: its result, or the name of the error and, for a claim, its holder."""

    number: int
    result: bool | int | None = None
    error: str = ""
    holder: bytes = b""


encode = msgspec.msgpack.Encoder().encode
decode_call = msgspec.msgpack.Decoder(Call).decode
decode_outcome = msgspec.msgpack.Decoder(Outcome).decode
_decoders = {method: msgspec.msgpack.Decoder(taken) for method, taken in ARGUMENTS.items()}


def call(number: int, method: str, arguments: tuple[Any, ...]) -> bytes:
    """Return a call as it travels."""
    return framed(Call(number, method, msgspec.Raw(encode(arguments))))


def arguments_of(made: Call) -> tuple[Any, ...]:
    """Return the arguments of a call."""
    found: tuple[Any, ...] = _decoders[made.method].decode(made.arguments)
    return found


def failed(number: int, error: StoreError) -> Outcome:
    """Return the outcome of a call that raised."""
    holder = error.holder if isinstance(error, ClaimTaken) else b""
    return Outcome(number, error=type(error).__name__, holder=holder)


def raised(outcome: Outcome) -> StoreError:
    """Undo `failed`."""
    if outcome.error == "ClaimTaken":
        return ClaimTaken(outcome.holder)
    known = _CONFLICTS.get(outcome.error)
    return StoreUnavailable("the writer could not do it") if known is None else known()


def framed(message: Call | Outcome) -> bytes:
    """Return a message behind its length."""
    body = encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body


async def next_message(reader: asyncio.StreamReader) -> bytes:
    """Return the next message; raise IncompleteReadError at the end of the stream."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(_LENGTH), "big"))
