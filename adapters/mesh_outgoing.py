"""A message that is to go out by MESH, and the headers that it goes with. Pure.

A recipient may be an address made of a person's NHS number, birth date and surname (`GPPROVIDER_...`): it stands in a
header, never in a URL, and in no repr or error. A local id and a file name are read by many and hold nothing of
anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.errors import ContentRefused, ReportedIssue

BAD_HEADERS = "06"
"""MESH's own code for headers that it does not take; we say so before anything is sent."""
_LONGEST = {"Mex-To": 100, "Mex-WorkflowID": 300, "Mex-LocalID": 300, "Mex-Subject": 500, "Mex-FileName": 300}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send.

    `key` is the same whenever the same message is sent again, and says nothing of anybody (`base.Parcel.key`);
    `content` must then be the same to the byte. `to` is a mailbox, or an address that MESH turns into one. `local_id`
    is for a workflow whose rules ask for one (Send Document: the sender's ODS code); else it is the message's mark.
    """

    key: str
    to: str = field(repr=False)
    workflow: str
    content: bytes = field(repr=False)
    content_type: str = "application/xml"
    subject: str = field(default="", repr=False)
    local_id: str = ""
    gzip: bool = True

    @property
    def digest(self) -> str:
        """Stands for the content."""
        return hashlib.sha256(self.content).hexdigest()


def mark_of(mailbox: str, key: str) -> str:
    """Return by what a message of this key is known in MESH: the same for the same key, also after a restart."""
    return hashlib.sha256(f"mesh:{mailbox}:{key}".encode()).hexdigest()[:32]


def headers_of(outgoing: Outgoing, mark: str) -> Mapping[str, str]:
    """Return the headers of the first request; raise ContentRefused for what MESH would not take. Nothing was sent."""
    named = {
        "Mex-To": outgoing.to,
        "Mex-WorkflowID": outgoing.workflow,
        "Mex-LocalID": outgoing.local_id or mark,
        "Mex-FileName": file_name_of(mark),
        "Mex-Subject": outgoing.subject,
        "Content-Type": outgoing.content_type,
    }
    missing = [name for name in ("Mex-To", "Mex-WorkflowID", "Content-Type") if not named[name]]
    bad = [
        name
        for name, value in named.items()
        if not (
            value.isascii() and value.isprintable() and value == value.strip() and len(value) <= _LONGEST.get(name, 200)
        )
    ]
    if missing or bad:
        raise ContentRefused((ReportedIssue("error", BAD_HEADERS, tuple(missing + bad)),))
    return {name: value for name, value in named.items() if value}


def file_name_of(mark: str) -> str:
    """Return the file name of a message: a second place for its mark, where the local id is another's."""
    return f"{mark}.dat"
