"""What a record says about itself: the table of contents that is sealed together with the resources' JSON.

Everything a rule needs at reading time is worked out when a resource is written and kept here, so that reading opens
one seal, decodes one manifest and copies the slices that may leave. The manifest has what decisions and the emergency
answer need; the entries of all resources follow it and are decoded only by those who ask for one. Structs are encoded
as arrays: fields may be appended at the end with a default, never reordered.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import msgspec

from fhir_profiles.sections import Section, Tier
from security.consent_compile import CompiledConsents
from security.proxies import Proxy
from service.plan.lines import SummaryLine
from service.plan.particulars import Particulars
from service.plan.places import Places
from service.record.compression import compress, decompress
from service.store.epochs import epoch_of

FORMAT = 1
VERSIONS_OF_AN_EPOCH = 1_000_000
"""More than one resource has versions between two restores."""
SECTIONS = tuple(Section)
SECTION_NUMBER = {section: number for number, section in enumerate(SECTIONS)}


class RecordKind(StrEnum):
    """What a record is about. Only `PERSON` holds people; the others go through the same seal, head and commit."""

    PERSON = "person"
    DIRECTORY = "directory"
    INCIDENTS = "incidents"
    ALERTS = "alerts"
    NOTICES = "notices"
    SYNC = "sync"


class Author(msgspec.Struct, array_like=True, frozen=True):
    """Who recorded a version: the client's organisation and id, and the person it acted for, if it named one."""

    organisation: str
    client: str
    role: str
    user_id: str = ""
    user_name: str = ""


class Part(msgspec.Struct, array_like=True, frozen=True):
    """A slice of a resource that holds several sections (Patient): one member, or one item of an array member."""

    section: int
    tier: int
    key: str
    item: bool
    offset: int
    length: int


class Piece(msgspec.Struct, array_like=True, frozen=True):
    """A data element sealed apart. Its JSON string stands empty in the slice, at `offset` from the slice's start."""

    piece_id: bytes
    offset: int
    size: int
    digest: bytes
    chunks: int


class Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A line of the emergency summary and its own place: narrower than its resource if that holds several sections."""

    section: int
    tier: int
    said: SummaryLine


class Entry(msgspec.Struct, array_like=True):
    """One resource: where its current JSON lies, what it may be released by, and where its past is filed.

    `grants`: any one of these (section, tier) pairs, open, releases the resource, if all of `needs` are open as well.
    `superseded[n]` is the sequence whose commit replaced the version in place n + 1 (`earlier` has their numbers).
    `received_text` is the sender's own narrative, kept but not released. `made`: the first commit; 0 is not known.
    """

    type: str
    id: str
    version: int
    last_updated: str
    author: Author
    section: int
    tier: int
    grants: tuple[tuple[int, int], ...]
    offset: int = 0
    length: int = 0
    deleted: bool = False
    superseded: list[int] = []
    points_at: list[str] = []
    parts: list[Part] = []
    pieces: list[Piece] = []
    received_text: tuple[int, int] = (0, 0)
    follows: bool = False
    reason: str = ""
    needs: tuple[tuple[int, int], ...] = ()
    made: int = 0

    @property
    def reference(self) -> str:
        """The relative reference `Type/id`."""
        return f"{self.type}/{self.id}"

    def earlier(self) -> list[int]:
        """Return the numbers of the versions that were replaced, oldest first."""
        return [1, *map(version_made, range(2, len(self.superseded) + 1), self.superseded)][: len(self.superseded)]

    def replaced_in(self, version: int) -> int | None:
        """Return the sequence of the commit that replaced an earlier version; None when there is no such version."""
        return dict(zip(self.earlier(), self.superseded, strict=True)).get(version)

    @property
    def predecessor(self) -> int:
        """The number of the version that this one replaced; 0 for the first."""
        return next(reversed(self.earlier()), 0)


def version_made(place: int, sequence: int) -> int:
    """Return the number of a resource's version in `place` (2 and on) that commit `sequence` made.

    Versions count 1, 2, 3 and on. After a restore from a backup they jump, as sequences do: a number that clients may
    have been given for a version that the backup did not hold is never given to another.
    """
    return place + VERSIONS_OF_AN_EPOCH * epoch_of(sequence)


class Urgent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the emergency answer needs of one resource: its entry's own words, and its lines of the summary."""

    type: str
    id: str
    version: int
    last_updated: str
    grants: tuple[tuple[int, int], ...]
    offset: int
    length: int
    parts: tuple[Part, ...]
    lines: tuple[Line, ...]
    large: tuple[int, ...] = ()
    """Where large strings were cut out of it; the emergency answer goes without them."""


class Ready(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The emergency answer put together when the record was written, for callers to whom all of it is open.

    `requires` are cells that must all be open and `forbids` cells that must all be closed (`security.cells.pack`);
    `style` stands for what else went into the bytes (our address, the locality's words). `sections` and `entries` are
    the lengths of the two parts that lie in front of everything else; the rest is as in `plan.summary.Sections`.
    `named`: what its lines point at that takes more than `requires`: a reference, the cells that must all be open, and
    those of which one must be; it is cut out where they are not. `authors` are the organisations that wrote it.
    """

    requires: bytes
    forbids: bytes
    style: bytes
    sections: int
    entries: int
    late: bool
    since: float
    until: float
    named: tuple[tuple[str, bytes, bytes], ...] = ()
    authors: tuple[str, ...] = ()


class Identity(msgspec.Struct, array_like=True, frozen=True):
    """What tells that this is the person meant: compared exactly after every look-up by token."""

    nhs_number: str = ""
    family: str = ""
    birth_date: str = ""


class Incident(msgspec.Struct, array_like=True, frozen=True):
    """An open or closed incident of the register: who registered it, for which organisation, and until when."""

    id: str
    reference: str
    organisation: str
    opened_by: str
    opened: str
    expires: str
    closed: str = ""
    about: Particulars | None = None
    """Whom it is about, where the control room knows no NHS number; None where it does."""
    crew: tuple[str, ...] = ()
    """User ids of those who were sent; empty: anybody of the organisation."""

    def stands(self, organisation: str, user: str | None, moment: str) -> bool:
        """Say whether it is open at `moment` (FHIR instant) and names this caller; `user` is None for a system."""
        named = not self.crew or user is None or user in self.crew
        return self.organisation == organisation and named and not self.closed and self.expires > moment


class Manifest(msgspec.Struct, array_like=True):
    """The table of contents of one record. Times are FHIR instants in UTC.

    `ready` describes the emergency answer that lies in front, if one could be made; `critical` are the distinct places
    of the entries in critical sections.
    """

    format: int
    kind: RecordKind
    patient: str
    holder: str
    identity: Identity
    relations: list[str]
    consents: CompiledConsents
    sflag: str
    life: str
    died: str
    padding: int
    claims: list[tuple[str, str]]
    identifiers: list[str]
    ready: Ready | None = None
    critical: tuple[tuple[int, int], ...] = ()
    incidents: list[Incident] = []
    registered: list[str] = []
    places_of_care: list[str] = []
    """ODS codes of the person's places of care, the deciding one first: they say which policy governs."""
    proxies: tuple[Proxy, ...] = ()  # who acts for the person, and on what grounds (rule 5.8)
    flagged: str = ""
    """When the S-flag came that stands in `sflag`; '' where there is none."""
    former_numbers: list[str] = []
    """NHS numbers that were the person's before PDS replaced them: they still lead here, and belong to nobody else."""
    invalidated: str = ""
    """The NHS number that PDS declared invalid; sharing is frozen for as long as it is the person's."""

    @property
    def frozen(self) -> bool:
        """Whether nothing is shared until whoever holds the record has settled who it is about."""
        return self.invalidated != "" and self.invalidated == self.identity.nhs_number

    def is_numbered(self, nhs_number: str) -> bool:
        """Say whether an NHS number is the person's, or was until PDS replaced it."""
        return nhs_number != "" and (nhs_number == self.identity.nhs_number or nhs_number in self.former_numbers)


class Contents(msgspec.Struct, array_like=True):
    """What only some readers need: the entries of all resources, and what the emergency answer is made from.

    `person`: what tells who it is, compared when somebody is looked for without an NHS number. `former`: places that
    were told of in versions that were replaced. `places`: all that the record knows, of a person with an S-flag alone.
    """

    entries: list[Entry] = []
    urgent: tuple[Urgent, ...] = ()
    person: Particulars = Particulars()
    former: Places = Places()
    places: Places = Places()


class Superseded(msgspec.Struct, array_like=True, frozen=True):
    """A version that a commit replaced: its entry as it was (offsets into nothing) and its JSON."""

    entry: Entry
    body: bytes
    received_text: bytes = b""


def empty_manifest(kind: RecordKind, holder: str) -> Manifest:
    """Return the manifest of a record that holds nothing yet."""
    return Manifest(
        format=FORMAT,
        kind=kind,
        patient="",
        holder=holder,
        identity=Identity(),
        relations=[holder],
        consents=CompiledConsents(),
        sflag="",
        life="alive",
        died="",
        padding=0,
        claims=[],
        identifiers=[],
    )


_encode = msgspec.msgpack.Encoder().encode
_decode_manifest = msgspec.msgpack.Decoder(Manifest).decode
_decode_contents = msgspec.msgpack.Decoder(Contents).decode
_decode_superseded = msgspec.msgpack.Decoder(list[Superseded]).decode
_LENGTH = 4


def pack(manifest: Manifest, front: bytes, contents: Contents, slices: bytes, *, thorough: bool) -> bytes:
    """Return the plaintext of a record: manifest, front as `compress` made it, then contents and slices compressed.

    `thorough`: see `compress`.
    """
    encoded, listed = _encode(manifest), _encode(contents)
    rest = compress(_prefix(listed) + listed + slices, thorough=thorough)
    return b"".join((_prefix(encoded), encoded, _prefix(front), front, rest))


def unpack(plaintext: memoryview) -> tuple[Manifest, memoryview, memoryview]:
    """Return the manifest, and front and rest as they are packed."""
    encoded, behind = _split(plaintext)
    front, rest = _split(behind)
    return _decode_manifest(encoded), front, rest


def unpack_rest(rest: memoryview) -> tuple[Contents, memoryview]:
    """Return the contents and the slices that they point into."""
    listed, slices = _split(memoryview(decompress(rest)))
    return _decode_contents(listed), slices


def _split(view: memoryview) -> tuple[memoryview, memoryview]:
    end = _LENGTH + int.from_bytes(view[:_LENGTH], "big")
    return view[_LENGTH:end], view[end:]


def _prefix(encoded: bytes) -> bytes:
    return len(encoded).to_bytes(_LENGTH, "big")


def pack_superseded(versions: list[Superseded]) -> bytes:
    """Return the plaintext of what one commit replaced, compressed."""
    return compress(_encode(versions))


def unpack_superseded(plaintext: memoryview) -> list[Superseded]:
    """Undo `pack_superseded`."""
    return _decode_superseded(decompress(plaintext))


@lru_cache(maxsize=4096)
def places(stored: tuple[tuple[int, int], ...]) -> tuple[tuple[Section, Tier], ...]:
    """Return stored (section, tier) numbers in the words of `security.release`."""
    return tuple((SECTIONS[section], Tier(tier)) for section, tier in stored)
