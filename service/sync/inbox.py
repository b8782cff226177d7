"""Messages as they came: sealed with their original bytes before anything is made of them, and kept for a look.

They can be translated again when a mapping was mended, and show what was really sent when somebody asks. Found by a
blind token of partner and message id; the store forgets them when their time is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from adapters.base import Message
from security.clock import Clock, instant
from security.service_seal import ServiceSeal
from service.store.port import RecordStore
from service.sync.due import Dues

KEPT = timedelta(days=90)
_KIND = "inbox"


class KeptMessage(msgspec.Struct, array_like=True, frozen=True):
    """A message with the partner it came from and when it came (FHIR instant)."""

    partner: str
    id: str
    received: str
    sent: str
    original: bytes

    @property
    def message(self) -> Message:
        """The message as it came."""
        return Message(self.id, self.original, self.sent)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Keeps messages and gives them back."""

    store: RecordStore
    dues: Dues
    clock: Clock

    async def keep(self, partner: str, message: Message) -> str:
        """Keep a message; return the id that it is found by here, hexadecimal. The same message has the same."""
        token = self._token(partner, message.id)
        kept = KeptMessage(partner, message.id, instant(self.clock()), message.sent, message.original)
        sealed = self._seal.seal(_KIND, token, msgspec.msgpack.encode(kept))
        await self.store.keep(token, sealed, self.clock() + KEPT)
        return token.hex()

    async def open(self, id: str) -> KeptMessage | None:
        """Return a message by its id here; None for one that was never kept, or not that long."""
        token = bytes.fromhex(id)
        sealed = await self.store.remembered(token)
        if sealed is None:
            return None
        return msgspec.msgpack.decode(self._seal.open(_KIND, token, sealed), type=KeptMessage)

    def id_of(self, partner: str, message: Message) -> str:
        """Return the id that a message is, or would be, found by."""
        return self._token(partner, message.id).hex()

    @property
    def _seal(self) -> ServiceSeal:
        return self.dues.seal

    def _token(self, partner: str, message: str) -> bytes:
        return self.dues.index.token("inbox", f"{partner}|{message}")
