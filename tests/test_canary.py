"""Nothing of anybody can be read at rest: not in the database, not in a log, a metric, a key file or a temporary file.

People are loaded through the API, read, changed, searched and refused, with their own words in every place where a
careless program would write them down: addresses, headers, malformed bodies. Then every file is searched for each of
their words, in plain and in the usual encodings.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import quote

import httpx
import lz4.frame
import pytest

from service.people.demo import DemoPerson, demo_people
from tests.haystack import SHORTEST, Haystack, forms
from tests.running import Running, parameters, running
from tests.tracing import needs_strace, strace, written_files

Json = dict[str, Any]
NOT_OF_A_PERSON = {"resourceType", "system", "url", "uri", "fullUrl", "contentType", "reference", "status", "type"}
"""Elements whose values are words of FHIR, not of anybody."""
LETTER = "Dear colleague, thank you for seeing this unmistakable lady with the heliotrope umbrella. "
SCAN = b64encode(LETTER.encode() * 400).decode()
SAID_IN_ERROR = "Unmistakable remark about the heliotrope umbrella"
GLASS_REASON = "Found collapsed beside the heliotrope aviary, nobody else there"
GLASS_SENIOR = "Dr Heliotrope Aviary"
CLAIM_REASON = "Called in by whoever keeps the heliotrope aviary"
CREW_ID = "zz-heliotrope-aviary-4711"
SAID_IN_EMERGENCIES = {GLASS_REASON, GLASS_SENIOR, CLAIM_REASON, CREW_ID}
"""What is written down of emergencies, in sealed entries and in the incident register, and given to nobody here."""
OF_THE_PROGRAM = {"Hospice"}
"""Words of plans that the demo clients' registrations hold too, since before anybody was loaded."""
KNOWN_FILES = {
    "records.sqlite",
    "records.sqlite-wal",
    "records.sqlite-shm",
    "records.sqlite-journal",
    "clock",
    "heads.jsonl",
    "records.sqlite-machine",
}
"""The journal exists while the empty database is made, before it takes to its write-ahead log."""


@dataclass(slots=True)
class Watched:
    """What was done and what is to be searched."""

    words: set[str]
    answers: list[httpx.Response] = field(default_factory=list)
    refusals: list[httpx.Response] = field(default_factory=list)
    metrics: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)


def words_in(value: Any, key: str = "") -> Iterator[str]:
    """Yield every text of a resource that says something of somebody."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in NOT_OF_A_PERSON:
                yield from words_in(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from words_in(item, key)
    elif isinstance(value, str) and len(value) >= SHORTEST and not value.startswith("urn:uuid:"):
        yield value[:2_000] if key == "data" else value


def letter(subject: str) -> Json:
    """Return a scanned letter, large enough to be sealed apart."""
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"text": "Clinical letter"},
        "subject": {"reference": subject},
        "content": [{"attachment": {"contentType": "application/pdf", "data": SCAN}}],
    }


def load(service: Running, people: list[DemoPerson], watched: Watched) -> list[str]:
    """Post every plan and a letter, read everything back, and return the references of the Patients."""
    gp, patients = service.token("gp", "ZZGP01"), []
    for person in people:
        watched.words |= set(words_in([entry["resource"] for entry in person.bundle["entry"]]))
        posted = service.call("POST", "", gp, person.bundle)
        assert posted.status_code == 200, posted.text
        references = [entry["response"]["location"].partition("/_history")[0] for entry in posted.json()["entry"]]
        patient = next(one for one in references if one.startswith("Patient/"))
        patients.append(patient)
        sent = service.call("POST", "/DocumentReference", gp, letter(patient))
        watched.answers += [posted, sent, *(service.call("GET", f"/{one}", gp) for one in references)]
        watched.answers += [service.emergency(gp, person.nhs_number), service.call("GET", f"/{patient}/_history", gp)]
        watched.answers.append(service.call("GET", f"/Observation?patient={patient}", gp))
    watched.words |= {LETTER.strip(), SCAN[:2_000], SAID_IN_ERROR}
    return patients


def change(service: Running, patient: str, watched: Watched) -> None:
    """Replace a version, be refused as stale with a text that is kept, and delete with a reason."""
    gp = service.token("gp", "ZZGP01")
    resource = service.call("GET", f"/{patient}", gp).json()
    resource["telecom"] = [{"system": "phone", "value": "01632 960987"}]
    watched.words |= {"01632 960987", "recorded by mistake for the neighbour"}
    watched.answers.append(service.call("PUT", f"/{patient}", gp, resource, {"If-Match": 'W/"1"'}))
    watched.refusals.append(service.call("PUT", f"/{patient}", gp, resource, {"If-Match": 'W/"1"'}))
    (document, *_) = service.call("GET", f"/DocumentReference?patient={patient}", gp).json()["entry"]
    provenance = {"resourceType": "Provenance", "reason": [{"text": "recorded by mistake for the neighbour"}]}
    headers = {"If-Match": 'W/"1"', "X-Provenance": json.dumps(provenance)}
    address = f"/DocumentReference/{document['resource']['id']}"
    watched.answers.append(service.call("DELETE", address, gp, headers=headers))


def ask_for_nothing_good(service: Running, person: DemoPerson, patient: str, watched: Watched) -> None:
    """Put somebody's words wherever they do not belong."""
    gp, crew, nobody = (
        service.token("gp", "ZZGP01"),
        service.token("ambulance", "ZZAMB1"),
        service.token("hospital", "ZZHOS1"),
    )
    name, number = person.name, person.nhs_number
    said = {"resourceType": "Observation", "status": name, "subject": {"reference": patient}, name: number}
    identifier = f"https://fhir.nhs.uk/Id/nhs-number|{number}"
    form = {"Authorization": f"Bearer {nobody}", "Content-Type": "application/x-www-form-urlencoded"}
    calls: list[tuple[str, str, str | None, Any, dict[str, str]]] = [
        ("POST", "/Patient/$emergency-summary", crew, _asked(number), {}),
        ("POST", "/Patient/$emergency-summary", crew, _asked(number[:-1] + "x"), {}),
        ("GET", f"/{patient}", nobody, None, {}),
        ("GET", f"/Patient?identifier={quote(identifier)}", nobody, None, {}),
        ("GET", f"/Patient?identifier={quote(identifier)}&name={quote(name)}", gp, None, {}),
        ("GET", f"/Observation?patient={patient}&code={quote(name)}&date={quote(name)}", gp, None, {}),
        ("GET", f"/Patient/{quote(name)}", gp, None, {}),
        ("GET", f"/Person/{quote(name)}/{number}?q={number}", gp, None, {}),
        ("GET", f"/Patient/{number}", None, None, {}),
        ("GET", f"/Patient/{number}", f"{name} {number}", None, {}),
        ("POST", "/Patient/_search", None, f"identifier={quote(identifier)}".encode(), form),
        ("POST", "/Patient/_search", gp, f"{name} {number}".encode(), {"Content-Type": form["Content-Type"]}),
        ("POST", "/Observation", gp, said, {}),
        ("POST", "/Observation", gp, {**said, "valueString": SAID_IN_ERROR}, {"Idempotency-Key": number}),
        ("POST", "/Observation", gp, {**said, "valueString": SAID_IN_ERROR}, {"Prefer": f"return={name}"}),
        ("POST", "/Observation", gp, f'{{"resourceType":"Observation","{name}":1,"{name}":{number}'.encode(), {}),
        ("POST", "/Observation", gp, f'{{"{name}":"{number}","{name}":"{SAID_IN_ERROR}"}}'.encode(), {}),
        ("POST", "/Observation", gp, SAID_IN_ERROR.encode("utf-16"), {}),
        ("POST", "/Patient", gp, {"resourceType": name, "birthDate": number}, {}),
        ("POST", "/Patient", gp, {"resourceType": "Patient", "birthDate": name, "gender": name}, {}),
        ("PUT", f"/Observation/{number}", gp, {**said, "id": number}, {"If-Match": f'W/"{number}"'}),
        ("PUT", f"/Observation/{number}", gp, {**said, "id": number}, {"If-Match": name}),
        ("POST", "", gp, {"resourceType": "Bundle", "type": name, "entry": [{"fullUrl": name, "resource": said}]}, {}),
        ("POST", "", gp, person.bundle["entry"][0]["resource"], {"Content-Type": f"text/{number}"}),
        ("PATCH", f"/Patient/{number}", gp, {name: number}, {"Accept": "image/png"}),
        ("GET", f"/{patient}", gp, None, {"Accept": f"text/{name.split()[0]}", "X-Request-Id": f"{name} {number}"}),
        ("GET", f"/{patient}", gp, None, {"X-Request-Id": number}),
        ("GET", f"/{patient}", gp, None, {"X-Request-Id": name.replace(" ", ".")}),
        ("GET", f"/{patient}", gp, None, {"User-Agent": name, "Referer": f"https://example.org/{quote(name)}"}),
        (
            "POST",
            f"{service.settings.base_url}/oauth2/token",
            None,
            f"grant_type={number}&{quote(name)}=1".encode(),
            form,
        ),
        ("GET", f"{service.settings.base_url}/{quote(name)}/{number}", None, None, {}),
    ]
    for method, path, token, body, headers in calls:
        answer = service.call(method, path, token, body, headers)
        (watched.refusals if answer.status_code >= 400 else watched.answers).append(answer)
    service.open_incident(number)
    watched.answers.append(service.emergency(crew, number))


def emergencies(service: Running, person: DemoPerson, watched: Watched) -> None:
    """Name a crew, claim a relationship, break glass, and be refused each with the same words."""
    crew = service.token("ambulance", "ZZAMB1", user_id=CREW_ID, assurance=2, self_claim_reason=CLAIM_REASON)
    nobody = service.token("care_home", "ZZCH09", user_id=CREW_ID, self_claim_reason=CLAIM_REASON)
    control_room = service.token("system", "ZZCAD1")
    patient = next(one["resource"] for one in person.bundle["entry"] if one["resource"]["resourceType"] == "Patient")
    said = {
        "nhsNumber": person.nhs_number,
        "birthDate": str(patient["birthDate"]),
        "basis": "public_interest",
        "reason": GLASS_REASON,
        "senior": GLASS_SENIOR,
    }
    opened = parameters(nhsNumber=person.nhs_number, organization="ZZAMB1", incident="INC-4711")
    opened["parameter"] += [{"name": "crew", "valueString": CREW_ID}]
    crowd = {**opened, "parameter": [*opened["parameter"], *opened["parameter"][-1:] * 200]}
    for token, path, body in (
        (crew, "/Patient/$emergency-summary", _asked(person.nhs_number)),
        (crew, "/Patient/$break-glass", parameters(**said)),
        (control_room, "/$open-incident", opened),
    ):
        answer = service.call("POST", path, token, body)
        assert answer.is_success, answer.text
        watched.answers.append(answer)
    for token, path, body in (
        (nobody, "/Patient/$emergency-summary", _asked(person.nhs_number)),
        (nobody, "/Patient/$break-glass", parameters(**said)),
        (crew, "/Patient/$break-glass", parameters(**{**said, "birthDate": "1901-02-03"})),
        (crew, "/Patient/$break-glass", parameters(**{**said, "reason": GLASS_REASON * 20})),
        (crew, "/$open-incident", opened),
        (control_room, "/$open-incident", crowd),
    ):
        answer = service.call("POST", path, token, body)
        assert answer.is_client_error, answer.text
        watched.refusals.append(answer)
    watched.words |= SAID_IN_EMERGENCIES


def _asked(number: str) -> Json:
    return {"resourceType": "Parameters", "parameter": [{"name": "nhsNumber", "valueString": number}]}


def files_under(home: Path) -> dict[str, bytes]:
    """Return every file of a home folder."""
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Run a service of its own at log level DEBUG and keep everything it left behind."""
    home, apart = tmp_path_factory.mktemp("canary"), tmp_path_factory.mktemp("apart")
    (home / "temporary").mkdir()
    people = list(demo_people(datetime.now(UTC)))[:3]
    found = Watched(set())
    trace = apart / "trace"
    prefix = strace(trace, "open", "openat", "creat") if which("strace") else ()
    with running(home, prefix=prefix, TMPDIR=str(home / "temporary"), PYTHONDONTWRITEBYTECODE="1") as service:
        patients = load(service, people, found)
        change(service, patients[0], found)
        for person, patient in zip(people, patients, strict=True):
            ask_for_nothing_good(service, person, patient, found)
        emergencies(service, people[0], found)
        found.metrics = service.client.get(f"{service.settings.base_url}/metrics").text
        found.files |= {f"{name}, running": content for name, content in files_under(home).items()}
    found.files |= files_under(home)
    found.words -= OF_THE_PROGRAM
    if prefix:
        with trace.open(errors="replace") as lines:
            found.opened = written_files(lines)
    return found


# --- what must hold


def test_no_file_holds_a_word_of_anybody(watched: Watched) -> None:
    assert {"records.sqlite", "service.log", "keys.json", "clients.json"} <= watched.files.keys()
    assert "records.sqlite-wal, running" in watched.files
    assert [
        found for name, content in watched.files.items() for found in Haystack.of(name, content).find(watched.words)
    ] == []


def test_the_metrics_hold_no_word_of_anybody(watched: Watched) -> None:
    assert "epaccs_requests" in watched.metrics
    assert Haystack.of("metrics", watched.metrics.encode()).find(watched.words) == []


def test_no_refusal_repeats_a_word_of_anybody(watched: Watched) -> None:
    assert {400, 401, 404, 405, 406, 412, 415, 422} <= {answer.status_code for answer in watched.refusals}
    for answer in watched.refusals:
        told = answer.content + repr(dict(answer.headers)).encode()
        assert Haystack.of(f"{answer.request.method} {answer.status_code}", told).find(watched.words) == []


@needs_strace
def test_the_program_writes_to_its_own_files_and_makes_no_temporary_ones(watched: Watched) -> None:
    names = {Path(path).name for path in watched.opened if not path.startswith(("/dev/", "/proc/"))}
    assert names == KNOWN_FILES


def test_the_temporary_folder_stays_empty(watched: Watched) -> None:
    assert [name for name in watched.files if name.startswith("temporary")] == []


# --- what makes the search worth its name


def test_the_log_tells_of_every_request(watched: Watched) -> None:
    lines = [json.loads(line) for line in watched.files["service.log"].decode().splitlines()]
    requests = [line for line in lines if line.get("event") == "request"]
    assert len(requests) > len(watched.answers) + len(watched.refusals)


def test_the_words_are_those_that_the_service_gives_to_who_may_read_them(watched: Watched) -> None:
    read = Haystack.of("answers", b"".join(answer.content for answer in watched.answers))
    found = {word for _, _, word in read.find(watched.words)}
    unread = {LETTER.strip(), SAID_IN_ERROR, "recorded by mistake for the neighbour", *SAID_IN_EMERGENCIES}
    assert watched.words - found <= unread
    assert len(found) > 150
    kinds = {
        "a name": r"^(Ada|Bernard|Cora) [A-Z]\w+$|^Testley$",
        "an NHS number": r"^999\d{7}$",
        "a birth date": r"^19\d\d-\d\d-\d\d$",
        "a phone": r"^0\d{4} \d{6}$",
        "an address line": r"^\d+ \w+ (Street|Road|Lane|Close|Avenue|Drive|Court|Way|Grove|Place|Gardens|Crescent)$",
        "a postcode": r"^ZZ9\d \d[A-Z]{2}$",
        "where the box is": r"sink|wardrobe|cupboard",
        "a clinical sentence": r"^CPR would not work",
        "a code's display": r"resuscitation",
    }
    assert {name for name, pattern in kinds.items() if not any(re.search(pattern, word) for word in found)} == set()


@pytest.mark.parametrize("word", ["Testley", "9990000018", "12 Specimen Street", "Siân's café wörds"])
@pytest.mark.parametrize("alignment", range(3))
def test_a_word_that_lies_about_is_found_in_every_form(word: str, alignment: int) -> None:
    around = (b"\x00\xff random" + bytes(alignment), b"\xfe tail")
    for name, needle in forms(word).items():
        hits = {form for _, form, _ in Haystack.of("file", needle.join(around)).find([word])}
        assert name in hits
    whole = b"x" * alignment + word.encode() + b"and more behind it"
    for packed in (
        gzip.compress(whole),
        zlib.compress(whole, 1),
        zlib.compress(whole, 9),
        zlib.compress(whole),
        # Records are packed so before they are sealed.
        lz4.frame.compress(whole, compression_level=3),
    ):
        assert ("file", "plain", word) in Haystack.of("file", packed.join(around)).find([word])
    assert Haystack.of("file", b64encode(whole).join(around)).find([word])
    assert Haystack.of("file", whole.hex().encode().join(around)).find([word])
    assert b64decode(b64encode(whole)) == whole


def test_a_word_planted_among_the_files_is_found(watched: Watched) -> None:
    """The same search over the same files, with one word of one person put into the sealed database."""
    word = sorted(watched.words)[len(watched.words) // 2]
    database = watched.files["records.sqlite"]
    middle = len(database) // 2
    planted = database[:middle] + b64encode(b"!" + word.encode() + b"!") + database[middle:]
    assert word in {found for _, _, found in Haystack.of("records.sqlite", planted).find(watched.words)}
