"""Rows and resources, one from the other, by a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.base import Arrived, HeldThere, Parcel, Put, Receipt, Resource, Whom
from adapters.csv_authors import author_values, companion_of
from adapters.csv_forms import write_cell
from adapters.csv_mapping import AUTHOR, PERSON, Item, RowMapping
from adapters.csv_rows import Row
from adapters.csv_templates import Reading, fill, read_back, slots
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, NhsNumber

_ABOUT_THE_COPY = frozenset({"id", "meta", "text", "identifier"})
"""Elements of a resource that say nothing of the person: they are ours, and no row has them."""

Cells = dict[str, str]


def arrived_of(row: Row, mapping: RowMapping) -> Arrived:
    """Return the resource of a good row."""
    values = row.values
    item = mapping.items[values[mapping.item]]
    number = values[mapping.person.nhs_number]
    companion = companion_of(mapping.author, values) if mapping.author is not None else None
    slots_filled = dict(values)
    slots_filled[PERSON] = {"type": "Patient", "identifier": {"system": NHS_NUMBER_SYSTEM, "value": number}}
    if companion is not None:
        slots_filled[AUTHOR] = {"reference": companion[0]}
        if mapping.author is not None and mapping.author.name in values:
            slots_filled[AUTHOR]["display"] = values[mapping.author.name]
    removed = values[mapping.action] == "remove"
    used = companion is not None and AUTHOR in item.names and not removed
    return Arrived(
        theirs=_theirs(item, values[mapping.item], values[mapping.record]),
        version="",
        sent=str(values.get(mapping.changed, "")),
        whom=Whom(number, values[mapping.person.family], values[mapping.person.birth_date]),
        resource=None if removed else fill(item.resource, slots_filled),
        companions={companion[0]: companion[1]} if companion is not None and used else {},
    )


@dataclass(slots=True)
class Written:
    """What a file out says, and what it confirms once it is there."""

    rows: list[Cells] = field(default_factory=list, repr=False)
    receipts: list[Receipt] = field(default_factory=list)


def written_of(parcel: Parcel, mapping: RowMapping) -> Written:
    """Return the rows of a parcel. What no template covers is left out, and nothing is confirmed of it.

    What the partner holds from us and no template covers any longer is removed there: it would stay as it was, and be
    taken for what is so now. What it had itself is its own.
    """
    written = Written()
    together = {put.reference: put.resource for put in parcel.puts}
    person = _person_cells(parcel.patient, mapping)
    for put in parcel.puts:
        cells = _row_of(put, parcel, mapping, together) if person is not None else None
        if person is not None and cells is not None:
            word, row = cells
            before = _named(put.reference, put.there, mapping)[0]
            if put.there is not None and before not in ("", word):
                written.rows.append(_removal(put.reference, put.there, person, mapping))
            written.rows.append(person | row)
            theirs = _theirs(mapping.items[word], word, row[mapping.record])
            made = put.there.made if put.there is not None else True
            written.receipts.append(Receipt(put.reference, HeldThere(theirs, "", put.digest, made)))
        elif put.there is not None and put.there.made:
            written.rows.append(_removal(put.reference, put.there, person, mapping))
            written.receipts.append(Receipt(put.reference, None))
    for removal in parcel.removals:
        written.rows.append(_removal(removal.reference, removal.there, person, mapping))
        written.receipts.append(Receipt(removal.reference, None))
    return written


def _row_of(
    put: Put, parcel: Parcel, mapping: RowMapping, together: Mapping[str, Resource]
) -> tuple[str, Cells] | None:
    """Return the item that covers a resource, and its row."""
    for word, item in mapping.items.items():
        found = _read(put, word, item, parcel, mapping, together)
        if found is not None:
            return word, found
    return None


def _read(
    put: Put, word: str, item: Item, parcel: Parcel, mapping: RowMapping, together: Mapping[str, Resource]
) -> Cells | None:
    # who made it is said as far as it is known here: a record may name a clinician whom this partner is not shown
    author = mapping.author
    required = frozenset(item.needs) - ({author.id, author.name, author.role, author.organisation} if author else set())
    optional = (frozenset(mapping.columns) - required) | {AUTHOR}
    reading = Reading(lambda name, value: _holds(name, value, mapping), optional, several=frozenset({AUTHOR}))
    resource = {name: part for name, part in put.resource.items() if name not in _ABOUT_THE_COPY}
    resource = _without(resource, item.loses)
    named = _author_of(item.resource, resource)
    values = read_back(item.resource, resource, reading, {})
    if values is None or not required <= values.keys():
        return None
    values.pop(PERSON, None)
    if values.pop(AUTHOR, None) is not None and mapping.author is not None and named is not None:
        values = author_values(mapping.author, named, put.reference, together, parcel.known) | values
    cells = {name: write_cell(mapping.columns[name], value) for name, value in values.items()}
    cells = {name: cell for name, cell in cells.items() if cell is not None or name in required}
    cells[mapping.action] = write_cell(mapping.columns[mapping.action], "put")
    cells[mapping.item] = write_cell(mapping.columns[mapping.item], word)
    cells[mapping.record] = _named(put.reference, put.there, mapping)[1]
    cells.setdefault(mapping.changed, write_cell(mapping.columns[mapping.changed], parcel.committed))
    written = {name: cell for name, cell in cells.items() if cell is not None}
    return written if written.keys() == cells.keys() else None


def _removal(reference: str, there: HeldThere, person: Cells | None, mapping: RowMapping) -> Cells:
    word, record = _named(reference, there, mapping)
    cells = {
        mapping.action: write_cell(mapping.columns[mapping.action], "remove"),
        mapping.item: write_cell(mapping.columns[mapping.item], word),
        mapping.record: record,
    }
    return (person or {}) | {name: cell or "" for name, cell in cells.items()}


def _holds(name: str, value: object, mapping: RowMapping) -> bool:
    if name in (PERSON, AUTHOR):
        return isinstance(value, dict)
    return write_cell(mapping.columns[name], value) is not None


def _person_cells(patient: Resource | None, mapping: RowMapping) -> Cells | None:
    """Return who the person is; None where nothing of them is open, or not enough to say whom a row is about."""
    if patient is None:
        return None
    number = NhsNumber.of(patient)
    names: list[Resource] = sorted(patient.get("name", ()), key=lambda name: name.get("use") != "official")
    family = next((name["family"] for name in names if name.get("family")), None)
    stated = {
        mapping.person.nhs_number: number.value if number is not None else None,
        mapping.person.family: family,
        mapping.person.birth_date: patient.get("birthDate"),
    }
    cells = {name: write_cell(mapping.columns[name], value) for name, value in stated.items()}
    found = {name: cell for name, cell in cells.items() if cell is not None}
    return found if found.keys() == cells.keys() else None


def _without(resource: Resource, loses: tuple[str, ...]) -> Resource:
    """Return a resource without what its mapping says may be lost."""
    extensions = {one.removeprefix("extension:") for one in loses if one.startswith("extension:")}
    kept = {name: part for name, part in resource.items() if name not in loses}
    if extensions and isinstance(kept.get("extension"), list):
        kept["extension"] = [one for one in kept["extension"] if one.get("url") not in extensions]
        if not kept["extension"]:
            del kept["extension"]
    return kept


def _author_of(template: object, value: object) -> Resource | None:
    """Return the reference in a resource that stands where the template has the author."""
    if template == f"${{{AUTHOR}}}":
        return value if isinstance(value, dict) else None
    pairs: Iterator[tuple[object, object]] = iter(())
    if isinstance(template, dict) and isinstance(value, dict):
        pairs = ((part, value[name]) for name, part in template.items() if name in value)
    elif isinstance(template, list) and isinstance(value, list):
        pairs = zip(template, value, strict=False)
    found = (_author_of(part, one) for part, one in pairs if any(name == AUTHOR for name, _ in slots(part)))
    return next((one for one in found if one is not None), None)


def _theirs(item: Item, word: str, record: str) -> str:
    """Return the partner's reference: a partner may count the records of each item by themselves."""
    return f"{item.resource['resourceType']}/{word}.{record}"


def _named(reference: str, there: HeldThere | None, mapping: RowMapping) -> tuple[str, str]:
    """Return the item, '' where it cannot be told, and the id by which the partner knows a resource, or else our id."""
    if there is None or not there.theirs:
        return "", reference.rpartition("/")[2]
    named = there.theirs.rpartition("/")[2]
    word, _, record = named.partition(".")
    return (word, record) if word in mapping.items else ("", named)
