"""A mapping is judged when it is loaded: the shipped one is good, and every mistake in one is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.csv_mapping import read_mapping
from adapters.csv_rows import read_rows
from adapters.csv_translate import arrived_of
from fhir_profiles.validation import validate
from tests.adapters.csv_world import CONTACT, CPR, MAPPING, MAPPING_FILE, PLACE, file_of

Change = Callable[[dict[str, Any]], Any]


def mistakes(tmp_path: Path, change: Change) -> list[str]:
    document = json.loads(MAPPING_FILE.read_text())
    change(document)
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(document))
    mapping, problems = read_mapping(path)
    assert (mapping is None) == bool(problems)
    return problems


def test_the_shipped_mapping_is_good_and_knows_its_decisions():
    assert MAPPING.decisions == {"cpr-decision", "treatment-escalation"}


@pytest.mark.parametrize(
    "row",
    [CPR, PLACE, CONTACT, CPR | {"item": "Treatment escalation", "treatment_level": "selective treatment", "cpr": ""}],
    ids=lambda row: row["item"],
)
def test_the_shipped_mapping_makes_valid_resources(row):
    (one,) = read_rows(file_of(row), MAPPING, 10)
    made = arrived_of(one, MAPPING)
    assert made.resource is not None
    assert validate(made.resource) == []
    for companion in made.companions.values():
        assert validate(companion) == []


def column(name: str, **members: Any) -> Change:
    return lambda document: document["columns"][name].update(members)


def template(word: str, **members: Any) -> Change:
    return lambda document: document["items"][word]["resource"].update(members)


def without(*path: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document[name]
        del document[path[-1]]

    return change


MISTAKES: dict[str, tuple[Change, str]] = {
    "an unknown member": (lambda d: d.update(colums={}), "colums"),
    "no items": (lambda d: d.update(items={}), "`items` is empty"),
    "no columns": (lambda d: d.update(columns={}), "`columns` has 1 to 200 columns"),
    "an unknown form": (column("note", form="prose"), "prose"),
    "a person without a column": (lambda d: d["person"].update(family="surname"), "`person.family` names no column"),
    "a person's column of another form": (
        lambda d: d["person"].update(birth_date="decided_at"),
        "`person.birth_date` names a column that is not of form date",
    ),
    "a column for two purposes": (lambda d: d.update(record="clinician_id"), "one column is named for two purposes"),
    "codes on a text": (column("note", codes={"a": "b"}), "column `note` has `codes` if, and only if"),
    "a code column without codes": (column("cpr", codes={}), "column `cpr` has `codes` if, and only if"),
    "two words of one meaning": (column("basis", codes={"a": "adrt", "b": "adrt"}), "two words of the same meaning"),
    "a word that is a formula": (column("basis", codes={"=a": "adrt"}), "a word that cannot stand in a cell"),
    "a limit beyond all": (column("note", limit=10_001), "column `note` has a `limit`"),
    "a column named as a slot of its own": (
        lambda d: d["columns"].update(person={"form": "text"}),
        "column `person` has no usable name",
    ),
    "an action that is neither": (column("action", codes={"put": "put", "drop": "drop"}), "`put` and `remove`"),
    "an item without a word": (without("columns", "item", "codes", "Key contact"), "the codes of the item column"),
    "a need that is no column": (
        lambda d: d["items"]["key-contact"].update(needs=["phone"]),
        "item `key-contact`: `needs` names `phone`, which is no column",
    ),
    "a slot that is no column": (
        template("key-contact", birthDate="${born}"),
        "item `key-contact`: has a slot `born`, which is no column",
    ),
    "a code inside a text": (
        template("cpr-decision", note=[{"text": "He said ${cpr}"}]),
        "item `cpr-decision`: has the slot `cpr` inside a longer text",
    ),
    "nobody it is about": (without("items", "key-contact", "resource", "patient"), "has no slot for the person"),
    "a decision without its clinician": (
        without("items", "cpr-decision", "resource", "performer"),
        "item `cpr-decision`: is a decision, and its clinician or its time is nowhere",
    ),
    "a decision without its time": (
        template("treatment-escalation", created="2026-01-01"),
        "item `treatment-escalation`: is a decision, and its clinician or its time is nowhere",
    ),
    "decisions without columns for a clinician": (without("author"), "and no columns for one"),
    "a clinician who is needed and may be left out": (
        lambda d: d["items"]["preferred-place-of-death"].update(needs=["place", "decided_at"]),
        "item `preferred-place-of-death`: makes no valid resource: Observation.performer",
    ),
    "a resource that FHIR refuses": (
        template("preferred-place-of-death", status="fine"),
        "item `preferred-place-of-death`: makes no valid resource: Observation.status",
    ),
    "what FHIR requires and a cell may leave empty": (
        template("preferred-place-of-death", status="${basis}"),
        "item `preferred-place-of-death`: makes no valid resource",
    ),
    "a type that is none": (template("key-contact", resourceType="Cousin"), "makes no valid resource"),
}


@pytest.mark.parametrize(("change", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(tmp_path, change, said):
    assert any(said in problem for problem in mistakes(tmp_path, change)), mistakes(tmp_path, change)


def test_several_mistakes_are_all_named(tmp_path):
    def change(document: dict[str, Any]) -> None:
        document["columns"]["note"]["limit"] = 0
        document["person"]["family"] = "surname"
        document["columns"]["cpr"]["codes"] = {}

    assert len(mistakes(tmp_path, change)) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"items": 7}'])
def test_what_is_no_mapping_is_said(tmp_path, content):
    path = tmp_path / "mapping.json"
    path.write_bytes(content)
    mapping, problems = read_mapping(path)
    assert mapping is None
    assert len(problems) == 1


def test_a_mapping_that_is_not_there_is_said(tmp_path):
    assert read_mapping(tmp_path / "none.json") == (None, ["the mapping cannot be read (No such file or directory)"])
