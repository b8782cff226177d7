"""What must be true of a restarted service: everything acknowledged whole and once, everything else whole or not."""

from __future__ import annotations

import urllib.parse
from collections import Counter, defaultdict

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from tests.crash.audit_look import AuditLook, wrote
from tests.crash.delivery_look import DeliveryLook
from tests.crash.ledger import READS, Kind, Ledger, Note, Request
from tests.crash.telling import Told, partners_of
from tests.crash.traffic import local_number, record, send
from tests.journeys.people import Json, Person
from tests.running import Running

SEARCHED = ("Observation", "MedicationRequest", "Condition")
"""Types of which a plan has several: searched, so that what is missing or there twice shows."""


class Checker:
    """Checks one running service against a ledger; all that it finds wrong is in `problems`."""

    def __init__(self, service: Running, ledger: Ledger, audit: AuditLook, deliveries: DeliveryLook) -> None:
        self._service = service
        self._ledger = ledger
        self._audit = audit
        self._deliveries = deliveries
        self._token = service.token("gp", "ZZGP01")
        self._seen: set[int] = set()
        self.problems: list[str] = []

    def after_a_crash(self) -> None:
        """Settle what was open, then check everybody whom the last round touched."""
        self._settle()
        ledger = self._ledger
        for someone in {id(request.person): request.person for request in ledger.fresh}.values():
            self._check_person(someone)
        for note in {id(request.note): request.note for request in ledger.fresh if request.note is not None}.values():
            self._check_note(note)
        self._seen = {id(one) for request in ledger.fresh for one in (request.person, request.note)}
        self._check_audit()
        self._check_deliveries()
        self.problems += ledger.surprises
        ledger.fresh.clear()

    def everything(self) -> None:
        """Check everybody of this home but those whom `after_a_crash` has just checked."""
        for someone in self._ledger.plans:
            if id(someone) not in self._seen:
                self._check_person(someone)
        for note in self._ledger.notes:
            if id(note) not in self._seen:
                self._check_note(note)

    def _settle(self) -> None:
        """Find out about each open write, compare with its audit, and send it again."""
        ledger = self._ledger
        for request in [one for one in ledger.open if one.kind in READS]:
            ledger.dropped(request)
        # Asked first: with a document store, whoever meets an unfiled commit files it.
        done = {request.request_id: self._was_done(request) for request in ledger.open}
        entries = self._audit.entries()
        for request in list(ledger.open):
            found = len(wrote(entries.get(request.request_id, [])))
            if found != int(done[request.request_id]):
                self._problem(request, f"done: {done[request.request_id]}, yet {found} audit entries say so")
            again = request.repeated()
            ledger.dropped(request)
            ledger.sends(again)
            record(ledger, again, send(self._service.client, self._service, self._token, again))
            if again.kind is Kind.PLAN:
                self._check_each(again.person)

    def _was_done(self, request: Request) -> bool:
        match request.kind:
            case Kind.PLAN:
                return self._total("Patient", identifier=f"{NHS_NUMBER_SYSTEM}|{request.person.nhs_number}") == 1
            case Kind.NOTE:
                return request.text in [
                    one.get("valueString") for one in self._search_of(request.person, "Observation")
                ]
            case _:
                note = request.note
                assert note is not None
                history = self._history(note)
                if len(history) == len(note.texts):
                    return False
                if history != [*note.texts, request.text if request.kind is Kind.CHANGE else None]:
                    self._problem(request, f"is there neither whole nor not at all: {history}")
                return True

    def _check_person(self, someone: Person) -> None:
        """Compare a person with the ledger by NHS number, by the other identifier and by reference."""
        wanted = [someone.patient]
        for name in (f"{NHS_NUMBER_SYSTEM}|{someone.nhs_number}", local_number(someone)):
            found = [f"Patient/{one['id']}" for one in self._search("Patient", identifier=name)]
            if found != wanted:
                self.problems.append(f"{name}: found {found}, not {wanted}")
        notes = [note.reference for note in self._ledger.notes if note.person is someone and not note.deleted]
        for kind in SEARCHED:
            known = sorted(one for one in (*someone.references, *notes) if one.startswith(f"{kind}/"))
            there = sorted(f"{kind}/{one['id']}" for one in self._search_of(someone, kind))
            if there != known:
                self.problems.append(f"{someone.patient}: of {kind} there is {there}, not {known}")
        if (status := self._service.emergency(self._token, someone.nhs_number).status_code) != 200:
            self.problems.append(f"the emergency answer of {someone.patient}: {status}")

    def _check_each(self, someone: Person) -> None:
        """Read every resource of a plan: one that was on its way at a kill could be there by halves."""
        for reference in someone.references:
            answer = self._service.call("GET", f"/{reference}", self._token)
            if answer.status_code != 200:
                self.problems.append(f"{reference} of {someone.patient}: {answer.status_code}")

    def _check_note(self, note: Note) -> None:
        if (history := self._history(note)) != note.texts:
            self.problems.append(f"{note.reference}: acknowledged {note.texts}, there is {history}")
        answer = self._service.call("GET", f"/{note.reference}", self._token)
        if answer.status_code != (410 if note.deleted else 200):
            self.problems.append(f"{note.reference}: {answer.status_code}")

    def _check_audit(self) -> None:
        """Each answer has one entry, and that of a write names the versions that it made."""
        entries = self._audit.entries()
        for request in self._ledger.answered:
            found = entries.get(request.request_id, [])
            if len(found) != 1:
                self._problem(request, f"{len(found)} audit entries")
            elif request.kind not in READS and {*found[0].references} != {*request.written}:
                self._problem(request, f"its audit entry names {found[0].references}, it wrote {request.written}")

    def _check_deliveries(self) -> None:
        """Of each write there is exactly what it caused: waiting or done, once, in the order of its record's commits.

        Whoever had no answer was settled before, by sending it again under its key: what its first try left behind
        without the write, or had not with it, is one too many now, or missing.
        """
        ledger, waiting = self._ledger, self._deliveries.waiting()
        ledger.deliveries = sum(map(len, waiting.values())) + len(self._deliveries.done)
        done: dict[str, set[Told]] = defaultdict(set)
        for told in self._deliveries.done:
            done[told.person].add(told)
        writes: dict[str, list[Request]] = defaultdict(list)
        for request in ledger.answered:
            if request.kind not in READS:
                writes[request.person.patient].append(request)
        for someone in ledger.plans:
            there = waiting.pop(someone.patient, [])
            if not ledger.unsure(someone):
                self._check_told(someone.patient, writes[someone.patient], there, done[someone.patient])
        if waiting and not any(request.kind is Kind.PLAN for request in ledger.open):
            self.problems.append(f"deliveries wait that tell of nobody whose plan was acknowledged: {waiting}")

    def _check_told(self, patient: str, writes: list[Request], there: list[Told], done: set[Told]) -> None:
        told_of = [(partner, version) for one in writes for version in one.written for partner in partners_of(version)]
        sent = {(told.partner, told.version) for told in done}
        wanted, waits = [one for one in told_of if one not in sent], [(told.partner, told.version) for told in there]
        if waits != wanted:
            missing, surplus = Counter(wanted) - Counter(waits), Counter(waits) - Counter(wanted)
            wrong = f"missing {[*missing]}, too many {[*surplus]}" if missing or surplus else f"out of order {waits}"
            self.problems.append(f"of what tells of {patient}: {wrong}")
        made = {told.version: (told.record, told.sequence) for told in (*done, *there)}
        commits = [{made[version] for version in one.written if version in made} for one in writes]
        numbers = [number for commit in commits for _, number in commit]
        if any(len(commit) > 1 for commit in commits) or numbers != sorted(set(numbers)):
            self.problems.append(f"deliveries of {patient} name the commits {commits}")
        if len({record for record, _ in made.values()}) > 1:
            self.problems.append(f"deliveries of {patient} name several records")

    def _history(self, note: Note) -> list[str | None]:
        """Return what each version says, oldest first; a gap in the numbers is a problem."""
        answer = self._service.call("GET", f"/{note.reference}/_history", self._token)
        if answer.status_code != 200:
            self.problems.append(f"history of {note.reference}: {answer.status_code} {answer.text[:200]}")
            return []
        entries = answer.json()["entry"][::-1]
        numbers = [int(entry["response"]["etag"].strip('W/"')) for entry in entries]
        if numbers != list(range(1, len(entries) + 1)):
            self.problems.append(f"history of {note.reference} has the versions {numbers}")
        return [entry.get("resource", {}).get("valueString") for entry in entries]

    def _search_of(self, someone: Person, kind: str) -> list[Json]:
        return self._search(kind, patient=someone.patient)

    def _total(self, kind: str, **parameters: str) -> int:
        return len(self._search(kind, **parameters))

    def _search(self, kind: str, **parameters: str) -> list[Json]:
        answer = self._service.call("GET", f"/{kind}?{urllib.parse.urlencode(parameters)}", self._token)
        if answer.status_code != 200:
            self.problems.append(f"search of {kind}: {answer.status_code} {answer.text[:200]}")
            return []
        return [
            entry["resource"] for entry in answer.json().get("entry", ()) if entry["resource"]["resourceType"] == kind
        ]

    def _problem(self, request: Request, what: str) -> None:
        self.problems.append(f"{request.kind} {request.method} {request.path or '/'} {request.request_id}: {what}")
