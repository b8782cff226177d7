"""Receiving by MESH: list what waits, collect it whole, and acknowledge it once the caller has it for good.

A message stays in the inbox until it is acknowledged, so it may be collected again and again; acknowledged, it is gone.
So the order is: collect, let the caller commit, acknowledge. Nothing here acknowledges by itself.

MESH wants to be asked no more often than every five minutes, unless more was waiting than one page holds, and at least
once a day: `waiting` keeps to the first by itself, whoever calls it and how often.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from adapters.errors import Unintelligible
from adapters.http import Answer
from adapters.mesh import Mailbox
from adapters.mesh_chunks import ChunkRange, Unpacker
from adapters.mesh_received import Kind, Listing, Received, listing, message_id, received
from adapters.mesh_refusals import refuse

ASK_EVERY = timedelta(minutes=5)
FEWEST, MOST = 10, 5000
"""What MESH takes for a page."""
_LARGEST_REFUSAL = 64 * 1024


class Inbox:
    """Receives the messages of one mailbox. Make one for the life of the process: it knows when MESH was last asked."""

    def __init__(self, mailbox: Mailbox, largest: int) -> None:
        """`largest` is how many bytes a message may have, unpacked."""
        self._mailbox = mailbox
        self._largest = largest
        self._asked: datetime | None = None
        self._more = False

    async def waiting(self, *, page: int = 500, workflow: str = "", following: str = "") -> Listing:
        """Return a page of ids that wait, the first, or the one after (`following` is `Listing.more`).

        What was collected and not acknowledged is on it again. `workflow` is MESH's filter: an id, `begin*`, `!id`.
        Too soon after the last answer it is empty, and says so by `asked`: nothing was heard from MESH then.
        """
        if not FEWEST <= page <= MOST:
            raise ValueError(f"a page has {FEWEST} to {MOST} messages")
        now = self._mailbox.clock()
        if not following and not self._more and self._asked is not None and now - self._asked < ASK_EVERY:
            return Listing((), asked=False)
        asked = {"max_results": str(page), "continue_from": following, "workflow_filter": workflow}
        query = urlencode({name: value for name, value in asked.items() if value})
        answer = await self._mailbox.call("GET", f"/inbox?{query}")
        if answer.status != 200:
            refuse(answer, now)
        found = listing(answer.body)
        # not when it failed: when to try again is the caller's to know, and a pause must not look like an answer
        self._asked, self._more = now, bool(found.more)
        return found

    async def collect(self, waiting: str) -> Received:
        """Return a message whole, chunk by chunk. Raises NotThere when it is gone, Unintelligible when it has holes or
        is larger than we take; it stays in the inbox then."""
        path = f"/inbox/{message_id(waiting)}"
        first = await self._part(path)
        unpacker = Unpacker(self._largest)
        if first.headers.get("mex-messagetype", "").strip().upper() != Kind.REPORT:
            begin = ChunkRange.read(first.headers.get("mex-chunk-range", ""))
            total = begin.total
            if begin.number != 1 or (first.status == 206) is not (total > 1):
                raise Unintelligible("the message begins elsewhere than at its beginning")
            _take(unpacker, first)
            for number in range(2, total + 1):
                part = await self._mailbox.call("GET", f"{path}/{number}", decode=False)
                if part.status in (404, 410):
                    # the message is there and a chunk is not: no message, whatever comes after it
                    raise Unintelligible("a chunk of the message is missing")
                _judge(part, self._mailbox.clock())
                if ChunkRange.read(part.headers.get("mex-chunk-range", "")) != ChunkRange(number, total):
                    raise Unintelligible("a chunk is not the one that was asked for")
                if (part.status == 206) is not (number < total):
                    raise Unintelligible("the message ends elsewhere than it said")
                _take(unpacker, part)
        return received(waiting, first.headers, unpacker.finish())

    async def acknowledge(self, taken: str) -> None:
        """Let MESH delete a message. Call it after the commit that keeps it, never before; again it does nothing."""
        answer = await self._mailbox.call("PUT", f"/inbox/{message_id(taken)}/status/acknowledged")
        # one that is not there any more needs no acknowledging
        if answer.status != 200 and answer.status not in (404, 410):
            refuse(answer, self._mailbox.clock())

    async def _part(self, path: str) -> Answer:
        answer = await self._mailbox.call("GET", path, decode=False)
        _judge(answer, self._mailbox.clock())
        return answer


def _judge(answer: Answer, now: datetime) -> None:
    if answer.status in (200, 206):
        return
    said = Unpacker(_LARGEST_REFUSAL)
    with suppress(Unintelligible):  # the status says enough
        _take(said, answer)
        answer = replace(answer, body=said.finish())
    refuse(answer, now)


def _take(unpacker: Unpacker, part: Answer) -> None:
    encoding = part.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Unintelligible("a chunk is packed in a way that was not asked for")
    unpacker.take(part.body, encoding == "gzip")
