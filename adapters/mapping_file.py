"""Reads a mapping file strictly: every mistake is named by its path in the file, and one mistake hides no other.

A misspelt element or an unknown member would make a rule that does nothing, and nobody would know; so element names
are looked up in the types that a rule is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters import mapping_paths
from adapters.mapping_codes import CodeRule, Word
from adapters.mapping_paths import Path
from adapters.mapping_rules import (
    Code,
    Conditional,
    ConstantRule,
    DropRule,
    IdentifierSystemRule,
    MoveRule,
    Rule,
    Ways,
    When,
)
from fhir_profiles.elements import Element, is_resource_type

Json = Mapping[str, Any]
Types = frozenset[str] | None

_NAME = re.compile(r"[a-z][a-z0-9-]{1,63}")
_WAYS = {"out": Ways(into=False), "in": Ways(out=False), "both": Ways()}
_TEXTS = frozenset("string markdown code id uri url canonical oid uuid".split())
_MEMBERS: Mapping[str, frozenset[str]] = {
    "code": frozenset({"path", "codes", "keep_original", "unknown", "way"}),
    "identifier-system": frozenset({"ours", "theirs"}),
    "move": frozenset({"ours", "theirs"}),
    "constant": frozenset({"path", "value", "way"}),
    "drop": frozenset({"path", "way"}),
}
_COMMON = frozenset({"rule", "types", "when", "about"})
_CODE_MEMBERS = frozenset({"ours", "theirs", "ours_display", "theirs_display"})


@dataclass(slots=True)
class Reading:
    """What was understood of a file, and every problem."""

    problems: list[str] = field(default_factory=list)
    name: str = ""
    types_out: Types = None
    types_in: Types = None
    rules: list[tuple[Types, Rule]] = field(default_factory=list)

    def wrong(self, where: str, what: str) -> None:
        """Note a problem."""
        self.problems.append(f"{where}: {what}")


def read_rules(content: Json) -> Reading:
    """Read the whole file."""
    reading = Reading()
    _members(reading, "mapping", content, frozenset({"name", "about", "types", "rules"}), {"name", "rules"})
    name = content.get("name")
    if isinstance(name, str) and _NAME.fullmatch(name):
        reading.name = name
    elif "name" in content:
        reading.wrong("name", "2 to 64 lower-case letters, digits or `-`")
    _about(reading, "about", content)
    types = content.get("types")
    if isinstance(types, dict):
        _members(reading, "types", types, frozenset({"out", "in"}), set())
        reading.types_out = _types(reading, "types.out", types.get("out"))
        reading.types_in = _types(reading, "types.in", types.get("in"))
    else:
        reading.types_out = reading.types_in = _types(reading, "types", types)
    rules = content.get("rules", [])
    if not isinstance(rules, list):
        reading.wrong("rules", "a list of rules")
        return reading
    for number, rule in enumerate(rules):
        _rule(reading, f"rules[{number}]", rule)
    return reading


def _rule(reading: Reading, at: str, rule: object) -> None:
    if not isinstance(rule, dict):
        reading.wrong(at, "an object")
        return
    word = rule.get("rule")
    readers: Mapping[str, Callable[[Reading, str, Json, Types], Rule | None]] = {
        "code": _code_rule,
        "identifier-system": _identifier_rule,
        "move": _move_rule,
        "constant": _constant_rule,
        "drop": _drop_rule,
    }
    if not isinstance(word, str) or word not in readers:
        reading.wrong(f"{at}.rule", f"one of {', '.join(readers)}")
        return
    needed = _MEMBERS[word] - {"keep_original", "unknown", "way"}
    if word != "identifier-system":
        # a path is looked up in each type that the rule is for
        needed |= {"types"}
    _members(reading, at, rule, _MEMBERS[word] | _COMMON, needed)
    _about(reading, f"{at}.about", rule)
    before = len(reading.problems)
    types = _types(reading, f"{at}.types", rule.get("types"))
    made = readers[word](reading, at, rule, types)
    when = _when(reading, f"{at}.when", rule, types)
    if made is not None and len(reading.problems) == before:
        reading.rules.append((types, made if when is None else Conditional(when, made)))


def _code_rule(reading: Reading, at: str, rule: Json, types: Types) -> Rule | None:
    path, element = _path(reading, f"{at}.path", rule.get("path"), types)
    ways = _ways(reading, at, rule)
    keep, unknown = rule.get("keep_original", False), rule.get("unknown", "keep")
    if not isinstance(keep, bool):
        reading.wrong(f"{at}.keep_original", "true or false")
    if unknown not in ("keep", "refuse"):
        reading.wrong(f"{at}.unknown", "`keep` or `refuse`")
    if element is not None and element.type not in ("CodeableConcept", "Coding"):
        reading.wrong(f"{at}.path", f"leads to {element.type}, and codes are in CodeableConcept and Coding")
    elif element == Element("Coding", False) and keep is True:
        reading.wrong(f"{at}.keep_original", "there is room for one Coding only")
    theirs: dict[Code, Word] = {}
    ours: dict[Code, Word] = {}
    codes = rule.get("codes")
    if not isinstance(codes, list) or not codes:
        reading.wrong(f"{at}.codes", "a list with at least one pair of codes")
        codes = []
    for number, pair in enumerate(codes):
        _pair(reading, f"{at}.codes[{number}]", pair, ways, theirs, ours)
    if path is None:
        return None
    return CodeRule(path, theirs, ours, keep is True, unknown == "refuse", ways)


def _pair(
    reading: Reading, at: str, pair: object, ways: Ways, theirs: dict[Code, Word], ours: dict[Code, Word]
) -> None:
    if not isinstance(pair, dict):
        reading.wrong(at, "an object")
        return
    _members(reading, at, pair, _CODE_MEMBERS, {"ours", "theirs"})
    found: dict[str, Word] = {}
    for side in ("ours", "theirs"):
        system, bar, code = str(pair.get(side, "")).rpartition("|")
        display = pair.get(f"{side}_display", "")
        if side in pair and not (system and bar and code and code == code.strip()):
            reading.wrong(f"{at}.{side}", "`system|code`")
        elif side in pair:
            found[side] = Word((system, code), str(display))
        if not isinstance(display, str):
            reading.wrong(f"{at}.{side}_display", "text")
    if len(found) < 2:
        return
    if ways.out and found["ours"].code in theirs:
        reading.wrong(f"{at}.ours", "stands in the list twice, so the way out is not clear; say `way` in two rules")
    if ways.into and found["theirs"].code in ours:
        reading.wrong(f"{at}.theirs", "stands in the list twice, so the way in is not clear; say `way` in two rules")
    theirs[found["ours"].code] = found["theirs"]
    ours[found["theirs"].code] = found["ours"]


def _identifier_rule(reading: Reading, at: str, rule: Json, types: Types) -> Rule | None:
    ours, theirs = (_text(reading, f"{at}.{side}", rule.get(side)) for side in ("ours", "theirs"))
    if ours and ours == theirs:
        reading.wrong(f"{at}.theirs", "is the same as `ours`")
    return IdentifierSystemRule(ours, theirs) if ours and theirs else None


def _move_rule(reading: Reading, at: str, rule: Json, types: Types) -> Rule | None:
    ours, from_element = _path(reading, f"{at}.ours", rule.get("ours"), types)
    theirs, to_element = _path(reading, f"{at}.theirs", rule.get("theirs"), types)
    if ours is None or theirs is None:
        return None
    if ours.steps == theirs.steps:
        reading.wrong(f"{at}.theirs", "is the same as `ours`")
    if from_element is not None and to_element is not None and not _same_kind(from_element, to_element):
        reading.wrong(
            f"{at}.theirs", f"holds {_said(to_element)}, and what is to be moved there is {_said(from_element)}"
        )
    shared = 0
    for one, other in zip(ours.steps[:-1], theirs.steps[:-1], strict=False):
        if one != other:
            break
        shared += 1
    return MoveRule(ours.steps[:shared], ours, theirs)


def _constant_rule(reading: Reading, at: str, rule: Json, types: Types) -> Rule | None:
    path, element = _path(reading, f"{at}.path", rule.get("path"), types)
    value = rule.get("value")
    if "value" in rule and (value is None or value in ("", [], {})):
        reading.wrong(f"{at}.value", "something")
    elif isinstance(value, list):
        reading.wrong(f"{at}.value", "one value; an element that repeats gets it as one more")
    ways = _ways(reading, at, rule)
    if path is None or element is None:
        return None
    if path.last.url:
        reading.wrong(f"{at}.path", "ends in the value of an extension, such as `extension[URL].valueCode`")
    return ConstantRule(path, value, element.repeats, ways)


def _drop_rule(reading: Reading, at: str, rule: Json, types: Types) -> Rule | None:
    path, _ = _path(reading, f"{at}.path", rule.get("path"), types)
    ways = _ways(reading, at, rule)
    return DropRule(path, ways) if path is not None else None


def _when(reading: Reading, at: str, rule: Json, types: Types) -> When | None:
    if "when" not in rule:
        return None
    when = rule["when"]
    if not isinstance(when, dict):
        reading.wrong(at, "an object with `path` and `is`")
        return None
    _members(reading, at, when, frozenset({"path", "is"}), {"path", "is"})
    path, _ = _path(reading, f"{at}.path", when.get("path"), types)
    value = _text(reading, f"{at}.is", when.get("is"))
    own = [rule.get(name) for name in ("path", "ours", "theirs")]
    if path is not None and path.text in own:
        reading.wrong(f"{at}.path", "is what the rule itself changes, so the way back could not tell")
    return When(path, value) if path is not None and value else None


def _path(reading: Reading, at: str, text: object, types: Types) -> tuple[Path | None, Element | None]:
    """Read a path and see where it leads in each type; the element is that of the first type."""
    if text is None:
        return None, None
    path = mapping_paths.parse(text)
    if path is None:
        reading.wrong(at, "element names with `.` between them; `extension[URL]` and `modifierExtension[URL]`")
        return None, None
    element: Element | None = None
    for type_name in sorted(types or ()):
        way = mapping_paths.leads_to(type_name, path)
        if isinstance(way, str):
            reading.wrong(at, f"{type_name} has no `{way}` there")
        elif element is not None and element != way[-1]:
            reading.wrong(at, f"is not the same kind of element in {' and '.join(sorted(types or ()))}")
        else:
            element = way[-1]
    return path, element


def _types(reading: Reading, at: str, types: object) -> Types:
    if types is None:
        return None
    if not isinstance(types, list) or not types:
        reading.wrong(at, "a list of resource types")
        return None
    for number, name in enumerate(types):
        if not isinstance(name, str) or not is_resource_type(name):
            reading.wrong(f"{at}[{number}]", "is no resource type of this product")
    return frozenset(name for name in types if isinstance(name, str) and is_resource_type(name))


def _ways(reading: Reading, at: str, rule: Json) -> Ways:
    way = rule.get("way", "both")
    if not isinstance(way, str) or way not in _WAYS:
        reading.wrong(f"{at}.way", "`out`, `in` or `both`")
        return Ways()
    return _WAYS[way]


def _about(reading: Reading, at: str, content: Json) -> None:
    if not isinstance(content.get("about", ""), str):
        reading.wrong(at, "text")


def _text(reading: Reading, at: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not value or value != value.strip():
        reading.wrong(at, "text without spaces around it")
        return ""
    return value


def _members(
    reading: Reading, at: str, content: Json, known: frozenset[str], needed: set[str] | frozenset[str]
) -> None:
    for name in sorted(needed - content.keys()):
        reading.wrong(f"{at}.{name}", "is missing")
    for name in sorted(content.keys() - known):
        reading.wrong(f"{at}.{name}", "is not known")


def _same_kind(one: Element, other: Element) -> bool:
    return one == other or (one.repeats == other.repeats and one.type in _TEXTS and other.type in _TEXTS)


def _said(element: Element) -> str:
    return f"{element.type}, repeated" if element.repeats else element.type
