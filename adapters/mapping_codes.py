"""The rule of a mapping that puts codes into other codes: a concept map, both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.mapping_paths import Path, Step, items
from adapters.mapping_rules import Code, Json, Unmapped, Ways, code_of


@dataclass(frozen=True, slots=True)
class Word:
    """The other side's code for one of a concept map, and how it is displayed."""

    code: Code
    display: str


@dataclass(frozen=True, slots=True)
class CodeRule:
    """A concept map for the coded element at a path.

    Out, our coding is replaced, or with `keep_original` the partner's coding is put before it. In, the partner's coding
    counts: a coding of ours beside it that says something else is what the partner did not change, and goes.
    """

    path: Path
    theirs: Mapping[Code, Word]
    ours: Mapping[Code, Word]
    keep_original: bool
    refuse_unknown: bool
    ways: Ways

    def out(self, resource: Json) -> None:
        """Put our codes into theirs."""
        if self.ways.out:
            for holder in self.path.holders(resource):
                _recode(holder, self.path.last, self._codings_out)

    def into(self, resource: Json) -> None:
        """Put their codes into ours."""
        if self.ways.into:
            for holder in self.path.holders(resource):
                _recode(holder, self.path.last, self._codings_in)

    def _codings_out(self, codings: list[Any]) -> list[Any]:
        new: list[Any] = []
        for coding in codings:
            word = self.theirs.get(code_of(coding))
            if word is None:
                new.append(coding)
                continue
            new.append(_recoded(coding, word))
            if self.keep_original:
                new.append(coding)
        if self.refuse_unknown and codings and not any(code_of(coding) in self.theirs for coding in codings):
            raise Unmapped(self.path.text, "the mapping has no code for it")
        return new

    def _codings_in(self, codings: list[Any]) -> list[Any]:
        codes = [code_of(coding) for coding in codings]
        said = {self.ours[code].code for code in codes if code in self.ours}
        if not said:
            if self.refuse_unknown and codings and not any(code in self.theirs for code in codes):
                raise Unmapped(self.path.text, "the mapping does not have its code")
            return codings
        new: list[Any] = []
        for coding, code in zip(codings, codes, strict=True):
            word = self.ours.get(code)
            if word is not None:
                if word.code not in codes:
                    new.append(_recoded(coding, word))
            elif code not in self.theirs or code in said:
                new.append(coding)
        return new


def _recoded(coding: Json, word: Word) -> Json:
    # display and version are words of the system that is left
    kept = {name: value for name, value in coding.items() if name not in ("system", "code", "display", "version")}
    system, code = word.code
    return {"system": system, "code": code, **({"display": word.display} if word.display else {}), **kept}


def _recode(holder: Json, step: Step, recode: Callable[[list[Any]], list[Any]]) -> None:
    """Give the codings of an element to `recode`: those of each CodeableConcept, or the Codings that stand there."""
    concepts = [item for item in items(holder, step) if isinstance(item, dict)]
    if any("coding" in concept for concept in concepts):
        for concept in concepts:
            if isinstance(concept.get("coding"), list):
                concept["coding"] = recode(concept["coding"])
    elif concepts and any("code" in concept for concept in concepts):
        new = recode(concepts)
        holder[step.name] = new if isinstance(holder[step.name], list) else new[0]
