"""What a crew sees first: the document in the order and with the few words that fit one small screen. Pure.

Nothing is left out in silence: what does not fit is counted, and stands whole on the page of details. Each line keeps
the words of the document; only months are shortened, and what is said beside it is not said twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from security.clock import LONDON, parse_instant
from service.plan.phrases import BASIS_WORDS
from service.plan.rota import Answering
from service.plan.slots import Slot
from service.record.emergency import PROMPT_CONSENT
from service.web.calls import Call, calls_of
from service.web.dates import short
from service.web.identity import Person, person_of
from service.web.reading import Document, Item, Part

_PLACE = re.compile(r"Preferred place of (care|death)(?:, ([^:]+))?: (.+)")
_ATTORNEY = re.compile(r"^LASTING POWER OF ATTORNEY for health and welfare(?:, held by (.*))?: (?:attorney )?")
_NUMBERS = {2: "TWO", 3: "THREE", 4: "FOUR"}
_CEILING_FITS, _LINE_FITS = 260, 90
_PAPER = 100
"""How often what fits a line of a screen fits on paper, whose letters are made smaller before anything is left out."""
_STRIP = {Slot.COMMUNICATION: "communication needs", Slot.SAFETY: "safety alerts", Slot.ALLERGIES: "allergies"}
_STOP, _GO = "450476008", "450475007"


@dataclass(frozen=True, slots=True)
class Words:
    """A text for a small screen; `more` things of it stand on the page of details only."""

    text: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Cpr:
    """One decision on CPR. `tone` is stop, go or warn: it repeats `words` in colour. `late` stresses `state`."""

    words: str
    tone: str
    state: str
    late: bool
    signed: str


@dataclass(frozen=True, slots=True)
class View:
    """The screen, from top to bottom. `notices` come before anything else, `prompts` when there is time.

    `beside_calls` is what must be said beside whom to call, or instead.
    """

    person: Person
    notices: tuple[str, ...]
    headline: str
    lead: str
    cpr: tuple[Cpr, ...]
    ceiling: Words
    legal: Words
    place: Words
    medicines: Words
    calls: tuple[Call, ...]
    beside_calls: str
    fresh: str
    late: bool
    redacted: bool
    strip: tuple[Words, ...]
    prompts: tuple[str, ...]

    @property
    def tone(self) -> str:
        """The colour of the headline: that of its decisions where they have one and the same, else a warning."""
        tones = {one.tone for one in self.cpr} if self.agreed or len(self.cpr) == 1 else set()
        return tones.pop() if len(tones) == 1 else "warn"

    @property
    def agreed(self) -> bool:
        """Whether several decisions say what the headline says."""
        return len(self.cpr) > 1 and all(one.words == self.headline for one in self.cpr)


def view_of(document: Document, answering: Answering | None, *, paper: bool = False) -> View:
    """Return the screen for a document and who answers at its time (None: no rota is known for the person).

    `paper`: it is to be printed, where there is room for the whole of each line.
    """
    part, room = document.parts, _PAPER if paper else 1
    headline, lead, cpr = _cpr(part[Slot.CPR])
    calls, beside_calls = calls_of(part[Slot.CALL], answering)
    return View(
        person=_person(document),
        notices=tuple(one for one in document.notices if one != PROMPT_CONSENT),
        headline=headline,
        lead=lead,
        cpr=cpr,
        ceiling=_ceiling(part[Slot.CEILING], room),
        legal=_legal(part[Slot.LEGAL], room),
        place=_places(part[Slot.PLACE], room),
        medicines=_medicines(part[Slot.MEDICINES]),
        calls=calls,
        beside_calls=beside_calls,
        fresh=_fresh(document),
        late=document.out_of_date,
        redacted=document.redacted,
        strip=_strip(document, room),
        prompts=tuple(one for one in document.notices if one == PROMPT_CONSENT),
    )


def _person(document: Document) -> Person:
    if not document.patient:
        return Person(" ".join(document.parts[Slot.IDENTITY].words), "", "", "", "", "")
    return person_of(document.patient, parse_instant(document.as_of))


def _cpr(part: Part) -> tuple[str, str, tuple[Cpr, ...]]:
    """Return the headline, what is to be done when decisions disagree, and each decision."""
    if not part.recorded:
        head, _, rest = " ".join(part.words).partition(" - ")
        if part.state == "not-recorded":
            return head, _upper(rest), ()
        return "CPR DECISION WITHHELD OR UNAVAILABLE", head, ()
    told = tuple(_decision(item) for item in part.items)
    count = _NUMBERS.get(len(told), str(len(told)))
    if any(item.standing == "in-conflict" for item in part.items):
        lead = part.words[0].partition("All are shown. ")[2] or part.words[0]
        return f"{count} DECISIONS DISAGREE", lead, told
    if len(told) == 1:
        return told[0].words, "", told
    if len({one.words for one in told}) == 1:
        return told[0].words, *_agreeing(f"{count} DECISIONS SAY THIS", told)
    return "READ EACH CPR DECISION", "", told


def _agreeing(lead: str, told: tuple[Cpr, ...]) -> tuple[str, tuple[Cpr, ...]]:
    """Return how many decisions say the same, and each: one sent twice is shown once, a state of all said once."""
    distinct = tuple(dict.fromkeys(told))
    states = {one.state for one in distinct}
    if len(states) > 1 or any(one.late for one in distinct):
        return lead, distinct
    return f"{lead}. {states.pop()}", tuple(replace(one, state="") for one in distinct)


def _decision(item: Item) -> Cpr:
    said = item.words[0] if item.words else ""
    if item.title.endswith(" REVOKED") or item.title.startswith(("NO CPR DECISION", "REVOCATION OF ")):
        return Cpr(item.title, "warn", _upper(said.removeprefix(f"{item.title}: ").rstrip(".")), late=False, signed="")
    kind = BASIS_WORDS.get(item.basis, item.basis) or "kind not stated"
    states = [*(["In force"] if item.standing == "current" else []), *_doubts(item)]
    tone = {_STOP: "stop", _GO: "go"}.get(item.code, "warn")
    signed = f"{item.author or 'Signer not named'}, {short(item.effective) or 'date not recorded'}"
    return Cpr(
        item.title,
        tone,
        ". ".join(one for one in (", ".join(states), _upper(kind)) if one),
        late=item.late or item.unverified,
        signed=signed,
    )


def _doubts(item: Item) -> list[str]:
    """Return what must be said beside a decision wherever it is shown (hazards H1 and H9)."""
    return [
        *(["NOT VERIFIED: see Details"] if item.unverified else []),
        *([f"REVIEW OVERDUE since {short(item.until)}"] if item.late else []),
    ]


def _doubted(item: Item, words: str) -> str:
    """Return words behind what must be said beside them."""
    return ". ".join([*_doubts(item), words])


def _ceiling(part: Part, room: int) -> Words:
    if not part.recorded:
        return Words(_sentence(part))
    if part.items[0].standing == "in-conflict":
        return Words(
            "ESCALATION PLANS DISAGREE: " + " / ".join(_doubted(item, item.title) for item in part.items),
            len(part.items),
        )
    told: list[str] = []
    for item in part.items:
        said = (item.words[0] if item.words else item.title).rpartition(", decided ")[0] or item.title
        pieces = [_upper(one) for one in said.removeprefix("Level of treatment: ").split(". ")]
        told += [_doubted(item, pieces[0]), *pieces[1:]]
    return _fitting(told, _CEILING_FITS * room)


def _legal(part: Part, room: int) -> Words:
    if part.state == "not-recorded":
        return Words("")
    if not part.recorded:
        return Words("ADVANCE DECISION OR ATTORNEY WITHHELD OR UNAVAILABLE")
    return _fitting(
        [_doubted(item, _ATTORNEY.sub(r"ATTORNEY \1 ", item.title)) for item in part.items], _LINE_FITS * room
    )


def _places(part: Part, room: int) -> Words:
    if not part.recorded:
        return Words(_sentence(part))
    told: dict[str, list[tuple[str, str]]] = {}
    other: list[str] = []
    for item in part.items:
        found = _PLACE.fullmatch(item.title)
        if found is None:
            other.append(item.title)
        else:
            rank = (found[2] or "").removesuffix(" choice").removeprefix("choice ")
            told.setdefault(found[1], []).append((rank, found[3]))
    care, death = told.get("care", []), told.get("death", [])
    if len(care) == 1 and death and care[0][1].lower() == death[0][1].lower():
        told = {"care and death": death}
    lines = [f"{question.capitalize()}: {_ranked(told[question])}" for question in sorted(told, reverse=True)]
    return _fitting([*lines, *other], 2 * _LINE_FITS * room)


def _ranked(places: list[tuple[str, str]]) -> str:
    """Return places by rank; of a single one the rank goes without saying."""
    if len(places) == 1:
        return places[0][1]
    return ", ".join(f"{rank} {place}".strip() for rank, place in places)


def _medicines(part: Part) -> Words:
    if not part.recorded:
        return Words(_sentence(part))
    boxes = [item for item in part.items if item.words and item.words[0].startswith("IN THE HOME: ")]
    drugs = [item for item in part.items if item not in boxes]
    where = [item.words[0].removeprefix("IN THE HOME: ").rstrip(".") for item in boxes]
    told = f"IN THE HOME: {'; '.join(where)}" if where else "NOT RECORDED AS IN THE HOME"
    ended = sorted({short(item.until) for item in drugs if item.late})
    until = sorted(item.until for item in drugs if item.until and not item.late)
    if ended:
        told += f". AUTHORISATION ENDED {', '.join(ended)}"
    if until:
        told += f". Authorised until {short(until[0])}"
    count = len(drugs)
    return Words(f"{told}. {count} prescribed" if count else told)


def _strip(document: Document, room: int) -> tuple[Words, ...]:
    """Return what else must be known, and in one line each what is not recorded and what is withheld."""
    found: list[Words] = []
    missing: dict[str, list[str]] = {}
    for slot, name in _STRIP.items():
        part = document.parts[slot]
        if part.recorded:
            words = _fitting([item.title for item in part.items], _LINE_FITS * room)
            found.append(Words(f"SAFETY: {words.text}" if slot is Slot.SAFETY else words.text, words.more))
        else:
            missing.setdefault(part.state, []).append(name)
    for state, names in missing.items():
        lead = "Not recorded" if state == "not-recorded" else "WITHHELD OR UNAVAILABLE"
        found.append(Words(f"{lead}: {', '.join(names)}"))
    return tuple(found)


def _fresh(document: Document) -> str:
    now = parse_instant(document.as_of)
    read = f"read at {now.astimezone(LONDON):%H:%M}"
    if silent := sum(source.away for source in document.sources):
        read += f"; {silent} {'source' if silent == 1 else 'sources'} silent"
    if not document.last_recorded:
        return read.capitalize()
    days = (now.astimezone(LONDON).date() - parse_instant(document.last_recorded).astimezone(LONDON).date()).days
    ago = "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"
    return f"Changed {ago}, {short(document.last_recorded)}; {read}"


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _sentence(part: Part) -> str:
    """Return the sentence of a section that shows nothing, without its second half where that is long."""
    return " ".join(part.words)


def _fitting(pieces: list[str], room: int) -> Words:
    """Return as many whole pieces as fit, the first always, and how many were left."""
    kept: list[str] = []
    for piece in pieces:
        if kept and sum(map(len, kept)) + 2 * len(kept) + len(piece) > room:
            break
        kept.append(piece)
    return Words(". ".join(kept), len(pieces) - len(kept))
