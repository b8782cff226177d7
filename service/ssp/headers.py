"""What a request through the proxy must say, and nothing else is looked at. Pure.

NRL, "Retrieval: Spine Secure Proxy": GET, no parameters, and the headers below. Whatever is not exactly so is refused,
with a sentence that repeats nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from service.ssp.spine_jwt import NotAJwt, read_spine_jwt

INTERACTION = "urn:nhs:names:services:nrl:DocumentReference.content.read"
_TRACE = re.compile(r"[A-Za-z0-9._:{}-]{1,64}")


class NotAsAgreed(Exception):
    """A request that is not what the proxy sends; `sentence` names the header."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotListed(Exception):
    """The consumer is not one that we agreed anything with."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, by ASID and by what the proxy wrote down; `said` is for the audit."""

    consumer: str
    trace: str
    said: tuple[tuple[str, str], ...]


def read_headers(headers: Mapping[str, str], ours: str) -> Asking:
    """Return who asks; `ours` is our ASID. Raise NotAsAgreed.

    A header that came twice is one that nobody wrote, so `headers` must have the values of both joined.
    """
    trace = headers.get("ssp-traceid", "")
    if _TRACE.fullmatch(trace) is None:
        raise NotAsAgreed("Ssp-TraceID is missing, or is none.")
    if headers.get("ssp-interactionid") != INTERACTION:
        raise NotAsAgreed(f"Ssp-InteractionID must be {INTERACTION}.")
    if headers.get("ssp-to") != ours:
        raise NotAsAgreed("Ssp-To must be the ASID of this endpoint.")
    consumer = headers.get("ssp-from", "")
    if not consumer.isascii() or not consumer.isdigit() or len(consumer) != 12:
        raise NotAsAgreed("Ssp-From must be an ASID.")
    try:
        claims = read_spine_jwt(headers.get("authorization", ""))
    except NotAJwt as refused:
        raise NotAsAgreed(refused.why) from None
    return Asking(consumer, trace, (("ssp-from", consumer), ("ssp-to", ours), ("ssp-traceid", trace), *claims))
