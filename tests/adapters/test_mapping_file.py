"""A mapping file with a mistake: every mistake is named by its place, and one hides no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.mapping import load_mapping, mapping_of
from security.errors import InvalidConfiguration

Json = dict[str, Any]

PAIR = {"ours": "http://a.example|1", "theirs": "http://b.example|2"}


def problems_of(content: Json) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        mapping_of(content)
    return list(caught.value.problems)


def with_rule(**rule: Any) -> list[str]:
    return problems_of({"name": "test", "rules": [rule]})


CODE: Json = {"rule": "code", "types": ["Observation"], "path": "valueCodeableConcept", "codes": [PAIR]}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"path": "valueCodableConcept"}, "rules[0].path: Observation has no `valueCodableConcept` there"),
        ({"path": "component.vlaue"}, "rules[0].path: Observation has no `vlaue` there"),
        ({"path": "status"}, "rules[0].path: leads to code, and codes are in CodeableConcept and Coding"),
        (
            {"path": "extension.valueCode"},
            "rules[0].path: element names with `.` between them; `extension[URL]` and `modifierExtension[URL]`",
        ),
        ({"types": ["Observaton"]}, "rules[0].types[0]: is no resource type of this product"),
        ({"types": "Observation"}, "rules[0].types: a list of resource types"),
        ({"types": []}, "rules[0].types: a list of resource types"),
        ({"codes": []}, "rules[0].codes: a list with at least one pair of codes"),
        ({"codes": [{"ours": "1", "theirs": "http://b.example|2"}]}, "rules[0].codes[0].ours: `system|code`"),
        ({"codes": [{"ours": "http://a.example|1"}]}, "rules[0].codes[0].theirs: is missing"),
        ({"codes": [{**PAIR, "dispaly": "x"}]}, "rules[0].codes[0].dispaly: is not known"),
        (
            {"codes": [PAIR, {**PAIR, "ours": "http://a.example|3"}]},
            "rules[0].codes[1].theirs: stands in the list twice, so the way in is not clear; say `way` in two rules",
        ),
        (
            {"codes": [PAIR, {**PAIR, "theirs": "http://b.example|3"}]},
            "rules[0].codes[1].ours: stands in the list twice, so the way out is not clear; say `way` in two rules",
        ),
        ({"keep_original": "yes"}, "rules[0].keep_original: true or false"),
        ({"unknown": "drop"}, "rules[0].unknown: `keep` or `refuse`"),
        ({"way": "outwards"}, "rules[0].way: `out`, `in` or `both`"),
        ({"whne": {}}, "rules[0].whne: is not known"),
        ({"when": {"path": "code"}}, "rules[0].when.is: is missing"),
        ({"when": {"path": "cdoe", "is": "x"}}, "rules[0].when.path: Observation has no `cdoe` there"),
        (
            {"when": {"path": "valueCodeableConcept", "is": "http://a.example|1"}},
            "rules[0].when.path: is what the rule itself changes, so the way back could not tell",
        ),
        ({"about": 3}, "rules[0].about: text"),
    ],
)
def test_a_mistake_in_a_rule_is_named(changed: Json, problem: str) -> None:
    assert with_rule(**{**CODE, **changed}) == [problem]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"rule": "cdoe"}, "rules[0].rule: one of code, identifier-system, move, constant, drop"),
        ({"rule": "drop", "types": ["Patient"]}, "rules[0].path: is missing"),
        ({"rule": "drop", "path": "text"}, "rules[0].types: is missing"),
        ({"rule": "identifier-system", "ours": "a", "theirs": "a"}, "rules[0].theirs: is the same as `ours`"),
        (
            {"rule": "move", "types": ["CarePlan"], "ours": "description", "theirs": "note"},
            "rules[0].theirs: holds Annotation, repeated, and what is to be moved there is string",
        ),
        ({"rule": "constant", "types": ["CarePlan"], "path": "language"}, "rules[0].value: is missing"),
        ({"rule": "constant", "types": ["CarePlan"], "path": "language", "value": ""}, "rules[0].value: something"),
        (
            {"rule": "code", "types": ["Observation", "CarePlan"], "path": "category", "codes": [PAIR], "way": "in"},
            None,
        ),
        (
            {"rule": "code", "types": ["Consent", "CarePlan"], "path": "status", "codes": [PAIR]},
            "rules[0].path: leads to code, and codes are in CodeableConcept and Coding",
        ),
        (
            {"rule": "drop", "types": ["Patient", "Observation"], "path": "contact"},
            "rules[0].path: Observation has no `contact` there",
        ),
    ],
)  # fmt: skip
def test_mistakes_of_each_kind_of_rule(rule: Json, problem: str | None) -> None:
    if problem is None:
        mapping_of({"name": "test", "rules": [rule]})
    else:
        assert with_rule(**rule) == [problem]


def test_one_mistake_hides_no_other():
    found = problems_of(
        {
            "nmae": "x",
            "types": {"out": ["Patint"], "inwards": []},
            "rules": [{**CODE, "path": "nowhere", "codes": [{}]}, {"rule": "?"}, 7],
        }
    )
    assert found == [
        "mapping.name: is missing",
        "mapping.nmae: is not known",
        "types.inwards: is not known",
        "types.out[0]: is no resource type of this product",
        "rules[0].path: Observation has no `nowhere` there",
        "rules[0].codes[0].ours: is missing",
        "rules[0].codes[0].theirs: is missing",
        "rules[1].rule: one of code, identifier-system, move, constant, drop",
        "rules[2]: an object",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"name": "x", "rules": [', "the mapping: The body is not valid JSON, or it was cut short."),
        (b"[]", "the mapping: The body must be one JSON object."),
        (
            b'{"name": "xx", "name": "yy", "rules": []}',
            "the mapping: A name occurs twice in the JSON object that starts on line 1, column 1.",
        ),
        (b'{"name": "\xff", "rules": []}', "the mapping: The body is not valid UTF-8 (byte 10)."),
        (b'{"name": "Not A Word", "rules": []}', "name: 2 to 64 lower-case letters, digits or `-`"),
        (b'{"name": "word", "rules": {}}', "rules: a list of rules"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "mapping.json"
    path.write_bytes(content)
    with pytest.raises(InvalidConfiguration) as caught:
        load_mapping(path)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(problem.split("(byte")[0])


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load_mapping(tmp_path / "none.json")
    assert caught.value.problems == ["the mapping cannot be read (No such file or directory)"]
