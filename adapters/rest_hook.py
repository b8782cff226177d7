"""The channel `rest-hook` of FHIR Subscriptions: one POST to the client's endpoint, with the client's own headers.

Where it goes is judged at each sending (`adapters.addresses`): an endpoint is chosen by a client, and its name can lead
elsewhere by then. Nothing that the endpoint answers is used but whether it took what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from adapters.answers import refuse
from adapters.http import Guard, HttpClient

CONTENT_TYPE = "application/fhir+json"
MOST_HEADERS = 8
LONGEST_HEADER = 1_024
_MAX_ANSWER = 64 * 1024
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)[ \t]*")
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""Headers that are how we send, and not the client's to choose."""


def headers_of(lines: Sequence[str]) -> dict[str, str]:
    """Return the client's headers by name; raise ValueError with a plain sentence that repeats nothing of them."""
    if len(lines) > MOST_HEADERS:
        raise ValueError(f"There are {MOST_HEADERS} headers at most.")
    found: dict[str, str] = {}
    for line in lines:
        read = _HEADER.fullmatch(line) if len(line) <= LONGEST_HEADER else None
        if read is None:
            text = f"A header is written `Name: value`, in visible ASCII, with {LONGEST_HEADER} characters at most."
            raise ValueError(text)
        name = read[1].lower()
        if name in _OURS or name.startswith("proxy-"):
            raise ValueError("A header says how we send, which is not for a Subscription to choose.")
        if name in found:
            raise ValueError("A header comes once.")
        found[name] = read[2]
    return found


class RestHook:
    """One endpoint."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], guard: Guard, within: float) -> None:
        """`within` is how long one POST may take, in seconds."""
        self._endpoint = endpoint
        self._headers = dict(headers)
        self._within = within
        self._http = HttpClient(guard=guard, max_answer=_MAX_ANSWER)

    async def send(self, body: bytes) -> None:
        """POST a notification (empty: without a body). Raise an OutsideError unless it was taken.

        A notification is the same whatever it is about, so a no speaks of the endpoint and never of one message.
        """
        headers = {**self._headers, **({"Content-Type": CONTENT_TYPE} if body else {})}
        answer = await self._http.send("POST", self._endpoint, headers=headers, content=body, within=self._within)
        if not 200 <= answer.status < 300:
            refuse(answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
