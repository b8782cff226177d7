"""Partners that exchange files: kind `csv`, a folder in and a folder out (`docs/csv.md`).

In: a file is judged whole; with any problem it is refused whole. A good one is one message for each row, and leaves the
folder once all of them are settled. The same bytes make the same messages, so that a file which is read again after a
crash, or dropped twice, changes nothing.

Out: one file for each parcel, sealed to the partner's key before it touches the disk. Its appearing under its name is
the confirmation; the name is the same whenever the parcel is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from joserfc import jwk

from adapters.base import Arrived, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.csv_folder import Dropped, appear, finish, read, refuse, waiting
from adapters.csv_mapping import RowMapping
from adapters.csv_rows import FileRefused, Problem, Row, read_rows, write_rows
from adapters.csv_seal import NotSealed, seal, sealed_size, unseal
from adapters.csv_settings import CsvSettings
from adapters.csv_translate import arrived_of, written_of
from adapters.errors import Unreachable

SEALED = ".jwe"


@dataclass(frozen=True, slots=True)
class _Reading:
    """The file that is being taken in, and the messages of it that are not settled."""

    name: str
    digest: str
    left: set[str]


class CsvAdapter:
    """One partner's folders. `incoming` and `outgoing` are None where there is no such direction."""

    def __init__(
        self,
        mapping: RowMapping,
        settings: CsvSettings,
        *,
        incoming: Path | None,
        outgoing: Path | None,
        partner_key: jwk.Key | None,
        own_key: jwk.Key | None,
    ) -> None:
        self._mapping = mapping
        self._settings = settings
        self._incoming = incoming
        self._outgoing = outgoing
        self._partner_key = partner_key
        self._own_key = own_key
        self._reading: _Reading | None = None

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Write one file; confirm what is in it once it is there. A parcel of which nothing can be said makes none."""
        if self._outgoing is None or self._partner_key is None:
            return
        written = written_of(parcel, self._mapping)
        if written.rows:
            sealed = await asyncio.to_thread(seal, write_rows(written.rows, self._mapping), self._partner_key)
            try:
                await asyncio.to_thread(appear, self._outgoing, name_of(parcel), sealed)
            except OSError as error:
                raise Unreachable(f"the folder cannot be written to ({error.strerror})") from None
        for receipt in written.receipts:
            yield receipt

    async def poll(self, cursor: str) -> Polled:
        """Read the next file that is good, in order of name; move those before it that are not."""
        if self._incoming is None:
            return Polled((), cursor)
        try:
            return await asyncio.to_thread(self._next, self._incoming)
        except OSError as error:
            raise Unreachable(f"the folder cannot be read ({error.strerror})") from None

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Return the resource of a row; raise Untranslatable when the mapping of today does not take it."""
        try:
            rows = read_rows(message.original, self._mapping, self._settings.most_rows)
        except FileRefused as error:
            first = error.problems[0]
            raise Untranslatable(
                f"column `{first.column}` {first.sentence}" if first.column else first.sentence
            ) from None
        return [arrived_of(row, self._mapping) for row in rows]

    async def settled(self, message: Message) -> None:
        """Note that a row is settled; with the last one its file is done."""
        reading = self._reading
        if reading is None or self._incoming is None:
            return
        reading.left.discard(message.id)
        if not reading.left:
            try:
                await asyncio.to_thread(self._finish, self._incoming, reading)
            except OSError as error:
                raise Unreachable(f"the folder cannot be written to ({error.strerror})") from None
            self._reading = None

    async def close(self) -> None:
        """Nothing is held open."""

    def _next(self, folder: Path) -> Polled:
        names = waiting(folder)
        for position, name in enumerate(names, start=1):
            try:
                dropped = read(folder, name, self._largest(name))
                rows = read_rows(self._opened(dropped), self._mapping, self._settings.most_rows)
            except FileNotFoundError:
                continue
            except FileRefused as error:
                refuse(folder, name, error.problems)
                continue
            messages = [self._message(dropped, row) for row in rows]
            reading = _Reading(name, dropped.digest, {one.id for one in messages})
            if not rows:
                self._finish(folder, reading)
                continue
            if self._reading is not None and self._reading.digest == dropped.digest:
                reading = self._reading  # asked again meanwhile: what is settled stays so
            self._reading = reading
            return Polled([one for one in messages if one.id in reading.left], "", more=position < len(names))
        return Polled((), "")

    def _finish(self, folder: Path, reading: _Reading) -> None:
        finish(folder, reading.name, reading.digest, self._largest(reading.name))

    def _message(self, dropped: Dropped, row: Row) -> Message:
        sent = str(row.values.get(self._mapping.changed, ""))
        return Message(f"{dropped.digest}:{row.number}", row.original, sent)

    def _largest(self, name: str) -> int:
        largest = self._settings.largest
        return sealed_size(largest) if name.lower().endswith(SEALED) else largest

    def _opened(self, dropped: Dropped) -> bytes:
        if not dropped.name.lower().endswith(SEALED):
            if not self._settings.plain:
                raise FileRefused([Problem(0, "", "the file is not encrypted")])
            return dropped.content
        if self._own_key is None:
            raise FileRefused([Problem(0, "", "the file is encrypted, and there is no key for it here")])
        try:
            content = unseal(dropped.content, self._own_key)
        except NotSealed:
            raise FileRefused([Problem(0, "", "the file is not a JWE to our key, or was changed")]) from None
        if len(content) > self._settings.largest:
            raise FileRefused([Problem(0, "", f"the file has more than {self._settings.largest} bytes")])
        return content


def name_of(parcel: Parcel) -> str:
    """Return the name of a parcel's file: it sorts by sequence, and says nothing of anybody."""
    subject, key = (sha256(part.encode()).hexdigest()[:16] for part in (parcel.subject, parcel.key))
    return f"{parcel.sequence:020d}-{subject}-{key}.csv{SEALED}"
