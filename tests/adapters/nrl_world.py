"""A partner of kind `nrl`, parcels for it, and NRL in the same process for tests that need no socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from joserfc.jwk import RSAKey

from adapters.base import Cause, HeldThere, Parcel, Put, Receipt, Removal
from adapters.errors import OutsideError, Unreachable
from adapters.http import Answer, HttpClient
from adapters.notes import Notes, NotesInMemory
from adapters.nrl import NrlAdapter
from adapters.nrl_settings import NrlSettings, PlatformAuth
from adapters.partners import Description, Owner, Partner
from fhir_profiles import json
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from tests.standins.nrl import API, Asked, Nrl
from tests.standins.nrl_tokens import key_file_text

Json = dict[str, Any]
ORGANISATION, ELSEWHERE = "ZZHSP1", "ZZHSP2"
NUMBER, OTHER_NUMBER = "9990000018", "9990000026"
API_KEY = "zz-api-key"
KEY = RSAKey.generate_key(2048, {"kid": "zz-int-1", "use": "sig"})
SUBJECT = "5b1f00c0ffee00aa11bb22cc"
PLAN = "7c1e00c0ffee00aa11bb22cc33dd44ee"
"""What stands for the same person in the address of their plan."""
ADDRESS = "records.zzhsp1.example.nhs.uk/plan"
WHEN = "2026-11-01T10:00:00.000Z"
DEATH_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus"
TYPES = {ORGANISATION: {"736373009", "736366004"}, ELSEWHERE: {"736373009"}}


def settings(base: str = f"http://127.0.0.1{API}", **changed: Any) -> NrlSettings:
    """Return settings."""
    auth = PlatformAuth(token_url="http://127.0.0.1/oauth2/token", client_id=API_KEY, key_file="nrl.jwk")
    told: Json = {"organisation": ORGANISATION, "asid": "200000000115", "address": ADDRESS, **changed}
    return NrlSettings(base=base, auth=auth, **told)


def described(origin: str, folder: Path, *, key: str = "", **changed: Any) -> Partner:
    """Return a description of an NRL at `origin`, with the key that it names."""
    path = folder / "nrl.jwk"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(key or key_file_text(KEY))
    told = {
        "base": f"{origin}{API}",
        "auth": {"token_url": f"{origin}/oauth2/token", "client_id": API_KEY, "key_file": "nrl.jwk"},
        "organisation": ORGANISATION,
        "asid": "200000000115",
        "address": ADDRESS,
        **changed,
    }
    description = Description(
        name="locator",
        kind="nrl",
        title="National Record Locator",
        client="demo-ambulance",
        owner=Owner("Nurse Invented", ORGANISATION),
        settings=told,
    )
    return Partner(description, folder)


def person(number: str = NUMBER, **more: Any) -> Json:
    """Return a Patient as released, with an address."""
    return {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": number}],
        "name": [{"use": "official", "family": "Invented", "given": ["Ada"]}],
        "birthDate": "1941-05-02",
        "address": [{"line": ["1 Sample Street"], "postalCode": "ZZ99 9ZZ"}],
        **more,
    }


def death(status: str) -> Json:
    """Return the notification of a death: `1` informal, `2` formal, `U` removed."""
    system = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeathNotificationStatus"
    return {"url": DEATH_STATUS, "valueCodeableConcept": {"coding": [{"system": system, "code": status}]}}


def cpr(id: str = "o1", **more: Any) -> Json:
    """Return a CPR decision."""
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "304251008"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-11-01T10:00:00Z",
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "450476008"}]},
        **more,
    }


def parcel(*plan: Json, sequence: int = 1, subject: str = SUBJECT, held: Iterable[str] = ("Observation/o1",)) -> Parcel:
    """Return a parcel by which `plan` may be seen now, the Patient among it; `held` is removed if it may not."""
    patient = next((one for one in plan if one["resourceType"] == "Patient"), None)
    names = {f"{one['resourceType']}/{one['id']}": one for one in plan}
    return Parcel(
        key=f"{subject}-{sequence}",
        subject=subject,
        sequence=sequence,
        cause=Cause.CHANGE,
        committed=WHEN.replace(":00.", f":{sequence:02}."),
        patient=patient,
        puts=tuple(Put(reference, one, b"%d" % sequence) for reference, one in names.items()),
        removals=tuple(Removal(one, HeldThere("", "", b"x")) for one in held if one not in names),
        plan=plan,
        address=PLAN if subject == SUBJECT else subject,
    )


async def given(adapter: NrlAdapter, one: Parcel) -> list[Receipt]:
    """Give a parcel; return what is confirmed."""
    return [receipt async for receipt in adapter.give(one)]


class Crash(Exception):
    """The process dies here."""


@dataclass(slots=True)
class InProcess:
    """NRL without a socket. `crash` dies before (`before`) or after (`after`) the next request took effect."""

    nrl: Nrl
    crash: str = ""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        within: float = 60.0,
    ) -> Answer:
        """Send a request as `HttpClient` does."""
        crash, self.crash = self.crash, ""
        if crash == "before":
            raise Crash
        sent = {name.lower(): value for name, value in (headers or {}).items()} | {"authorization": "Bearer x"}
        reply = self.nrl.answer(Asked(method, url.removeprefix("http://127.0.0.1"), sent, content or b""))
        if crash:
            raise Crash
        if reply is None:
            raise Unreachable("x")
        told = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status, told, json.encode(reply.body))

    async def close(self) -> None:
        """Nothing is open."""


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        """Return the time as NRL's stand-in takes it."""
        return self.now.timestamp()


@dataclass(slots=True)
class World:
    """NRL, our notes, and a process of ours that can be started afresh."""

    notes: Notes = field(default_factory=NotesInMemory)
    settings: NrlSettings = field(default_factory=settings)
    time: Time = field(default_factory=Time)
    nrl: Nrl = field(init=False)

    def __post_init__(self) -> None:
        self.nrl = Nrl({name: set(types) for name, types in TYPES.items()}, clock=self.time.seconds)

    def start(self, wire: InProcess | None = None) -> NrlAdapter:
        """Return an adapter as after a start."""
        return NrlAdapter(self.settings, cast("HttpClient", wire or InProcess(self.nrl)), self.notes, self.time, 10.0)

    async def give(self, *plan: Json, **more: Any) -> list[Receipt]:
        """Give a parcel through a fresh adapter."""
        return await given(self.start(), parcel(*plan, **more))

    async def insist(self, *plan: Json, **more: Any) -> int:
        """Give it as often as it takes, 20 seconds between; return how often that was."""
        for attempt in range(1, 20):
            try:
                await self.give(*plan, **more)
            except OutsideError:
                self.pass_by(20)
            else:
                return attempt
        raise AssertionError("it is never confirmed")

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and arrive what is late."""
        self.time.now += timedelta(seconds=seconds)
        self.nrl.let_arrive()

    def pointer(self, number: str = NUMBER) -> Json:
        """Return the one pointer of a person."""
        [found] = self.nrl.pointers(number)
        return found
