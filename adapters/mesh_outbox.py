"""Sending by MESH, at most once.

    nothing known      write POSTING, then POST /outbox
    POSTING            the answer was lost: look for the mark in tracking; post again only when it is not there
    UPLOADING          send the chunks that MESH has not confirmed, strictly in order
    SENT               nothing to do

What a failed POST says: 4xx (but 408) is a no, so MESH does not have the message; no connection came about, the same.
Anything else (408, 5xx, no answer, an answer without an id) leaves it open, and the intent stays POSTING.

MESH completes a message when the chunk with the last number arrives, whatever is missing before it, so a chunk is never
sent before the one before it was confirmed. A chunk sent twice does nothing, except that the last one, sent again, is
answered 423: complete already.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

import msgspec

from adapters.errors import Conflict, NotSent, ReportedIssue, Unintelligible, Unreachable
from adapters.http import Answer
from adapters.mesh import Mailbox
from adapters.mesh_chunks import ChunkRange, pack, split
from adapters.mesh_intent import Intent, Intents, Step
from adapters.mesh_outgoing import Outgoing, file_name_of, headers_of, mark_of
from adapters.mesh_received import Delivery, Tracked, message_id, read, tracked
from adapters.mesh_refusals import refuse
from security.clock import instant, parse_instant

SETTLED_AFTER = timedelta(minutes=10)
"""How long after a lost answer tracking is believed that it does not know a message: a request may be under way for as
long as a client waits, and MESH's own lists follow a little later. Our choice; MESH states no time."""
_LOCKED = 423
_SEVERAL = 300


class Outbox:
    """Sends the messages of one mailbox."""

    def __init__(
        self,
        mailbox: Mailbox,
        intents: Intents,
        chunk: int,
        *,
        looks: bool = True,
        settled_after: timedelta = SETTLED_AFTER,
    ) -> None:
        """`chunk` is how many bytes travel in one request, before packing.

        `looks`: a lost answer is looked for by local id. MESH calls that way of tracking deprecated; without it every
        lost answer is for a person, since to post again without looking may send twice.
        """
        self._mailbox = mailbox
        self._intents = intents
        self._chunk = chunk
        self._looks = looks
        self._settled_after = settled_after

    async def send(self, outgoing: Outgoing) -> str:
        """Bring a message to MESH whole, or go on where an earlier call of the same key ended; return its id.

        Called again after any failure it does not send twice. Raises Unreachable while it is open whether an earlier
        call arrived; Conflict where a person must look (`settle`), or where the content of a key is not what it was.
        """
        intent = await self._intents.held(outgoing.key)
        if intent is not None and intent.step is not Step.NOT_SENT and intent.digest != outgoing.digest:
            raise Conflict((ReportedIssue("error", "content-changed"),))
        if intent is not None and intent.step is Step.POSTING:
            intent = await self.reconcile(outgoing.key)
        if intent is None or intent.step is Step.NOT_SENT:
            intent = await self._post(outgoing, intent)
        if intent.step is Step.UPLOADING:
            intent = await self._upload(outgoing, intent)
        return intent.message_id

    async def reconcile(self, key: str) -> Intent:
        """Find out whether a message whose answer was lost is there, write it down and return what is known now.

        Raises Unreachable while it is too soon to say, Conflict when MESH knows several messages of its local id, or
        when we do not look.
        """
        intent = await self._intents.held(key)
        if intent is None or intent.step is not Step.POSTING:
            raise ValueError("nothing is open about this message")
        if not self._looks:
            raise Conflict((ReportedIssue("error", "answer-lost"),))
        found = await self._find(intent)
        if found is None:
            if self._mailbox.clock() - parse_instant(intent.begun) < self._settled_after:
                raise Unreachable("it is not known yet whether MESH took the message")
            return await self._advance(intent, step=Step.NOT_SENT)
        return await self._taken(intent, found.id, complete=found.delivery is not Delivery.UPLOADING)

    async def settle(self, key: str, found: str | None) -> Intent:
        """Write down what a person found out about an open message: its id in MESH, whole, or None for not there."""
        intent = await self._intents.held(key)
        if intent is None or intent.step is not Step.POSTING:
            raise ValueError("nothing is open about this message")
        if found is None:
            return await self._advance(intent, step=Step.NOT_SENT)
        return await self._taken(intent, message_id(found), complete=True)

    async def track(self, sent: str) -> Tracked:
        """Ask how a message stands. MESH wants this to be asked seldom: a REPORT comes by itself when it failed."""
        answer = await self._mailbox.call("GET", f"/outbox/tracking?messageID={quote(message_id(sent), safe='')}")
        if answer.status != 200:
            refuse(answer, self._mailbox.clock())
        return tracked(answer.body)

    async def _post(self, outgoing: Outgoing, before: Intent | None) -> Intent:
        mark = mark_of(self._mailbox.id, outgoing.key)
        headers = headers_of(outgoing, mark)
        chunks = split(outgoing.content, self._chunk)
        body, encoded = _packed(outgoing, chunks[0])
        intent = Intent(
            key=outgoing.key,
            step=Step.POSTING,
            mark=outgoing.local_id or mark,
            digest=outgoing.digest,
            size=self._chunk,
            total=len(chunks),
            begun=instant(self._mailbox.clock()),
        )
        await self._intents.advance(before, intent)
        try:
            answer = await self._mailbox.call(
                "POST",
                "/outbox",
                headers={**headers, **encoded, "Mex-Chunk-Range": str(ChunkRange(1, len(chunks)))},
                content=body,
            )
        except NotSent:
            await self._advance(intent, step=Step.NOT_SENT)
            raise
        if 400 <= answer.status < 500 and answer.status != 408:
            await self._advance(intent, step=Step.NOT_SENT)
        if not 200 <= answer.status < 300:
            refuse(answer, self._mailbox.clock())
        return await self._taken(intent, _id_in(answer))

    async def _upload(self, outgoing: Outgoing, intent: Intent) -> Intent:
        chunks: Sequence[bytes] = split(outgoing.content, intent.size)
        for number in range(intent.chunks + 1, intent.total + 1):
            body, encoded = _packed(outgoing, chunks[number - 1])
            answer = await self._mailbox.call(
                "POST",
                f"/outbox/{intent.message_id}/{number}",
                headers={
                    "Content-Type": outgoing.content_type,
                    **encoded,
                    "Mex-Chunk-Range": str(ChunkRange(number, intent.total)),
                },
                content=body,
            )
            if answer.status == _LOCKED and number < intent.total:
                # complete without this chunk: what lies there is not what was to be sent
                raise Conflict((ReportedIssue("error", "complete-too-soon"),), answer.body)
            if answer.status != _LOCKED and not 200 <= answer.status < 300:
                refuse(answer, self._mailbox.clock())
            step = Step.SENT if number == intent.total else Step.UPLOADING
            intent = await self._advance(intent, step=step, chunks=number)
        return intent

    async def _find(self, intent: Intent) -> Tracked | None:
        """Look for a message by its local id; None when MESH knows none that is it."""
        answer = await self._mailbox.call("GET", f"/outbox/tracking/{quote(intent.mark, safe='')}")
        if answer.status == 404:
            return None
        if answer.status == _SEVERAL:
            raise Conflict((ReportedIssue("error", "multiple-matches", ("Mex-LocalID",)),), answer.body)
        if answer.status != 200:
            refuse(answer, self._mailbox.clock())
        found = tracked(answer.body)
        # a local id that a workflow prescribes may be another message's: then the file name tells
        own = mark_of(self._mailbox.id, intent.key)
        return found if own == found.local_id or file_name_of(own) == found.file_name else None

    async def _taken(self, intent: Intent, taken: str, *, complete: bool = False) -> Intent:
        whole = complete or intent.total == 1
        return await self._advance(
            intent,
            step=Step.SENT if whole else Step.UPLOADING,
            message_id=taken,
            chunks=intent.total if whole else 1,
        )

    async def _advance(self, intent: Intent, *, step: Step, message_id: str = "", chunks: int = 0) -> Intent:
        after = msgspec.structs.replace(
            intent, step=step, message_id=message_id or intent.message_id, chunks=chunks or intent.chunks
        )
        await self._intents.advance(intent, after)
        return after


def _packed(outgoing: Outgoing, chunk: bytes) -> tuple[bytes, dict[str, str]]:
    return (pack(chunk), {"Content-Encoding": "gzip"}) if outgoing.gzip else (chunk, {})


def _id_in(answer: Answer) -> str:
    said = read(answer.body)
    found = said.get("message_id", said.get("messageID"))
    if found is None:
        raise Unintelligible("the answer names no message")
    return message_id(found)
