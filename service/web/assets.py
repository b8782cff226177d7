"""The one style sheet of all pages: the NHS design system's where set-up brought it, ours behind it.

Served from memory, compressed, under an address that holds its digest, so that a browser keeps it for good. Without the
design system's file the pages are drawn by our rules alone: they say all that they have to say either way.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).resolve().parent / "static"
PREFIX = "/crew/assets/"
_DESIGN_SYSTEM = "vendor/nhsuk/nhsuk.css"
_OURS = ("crew.css", "privacy.css", "sync.css")
_FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """The rules, as sent with and without compression, and the address that names exactly these."""

    plain: bytes
    packed: bytes
    address: str
    designed: bool
    """Whether the design system's rules are in it."""

    @classmethod
    def read(cls, static: Path = STATIC) -> StyleSheet:
        """Read what is there."""
        vendored = static / _DESIGN_SYSTEM
        designed = vendored.is_file()
        plain = (vendored.read_bytes() if designed else b"") + b"".join((static / name).read_bytes() for name in _OURS)
        digest = hashlib.sha256(plain).hexdigest()[:16]
        return cls(plain, gzip.compress(plain, 6, mtime=0), f"{PREFIX}{digest}.css", designed)

    def answer(self, request: Request) -> Response:
        """Answer the address; 404 for the digest of other rules."""
        if request.url.path != self.address:
            return Response(status_code=404, headers={"Cache-Control": "no-store"})
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(self.packed if packed else self.plain, headers=headers, media_type="text/css")
