"""`Mask`: the places that a record knows, and whatever looks like one, taken out of a text (rule 5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.plan.place_words import CODE, KNOWN_DIGITS, WORD, folded
from service.plan.places import Places
from service.plan.placing import GAP, MASK, names_a_lock, plain_digits, without_places

_COMMON = frozenset("bath reading deal rest hope battle wells sale rugby ware ash eye wing well hook home ward".split())
"""Towns and houses that are common words too: taken out of a text only where they have a capital."""
_DIGITS = re.compile(rf"\+?\d(?:{GAP}\d){{5,}}")
_UNIT = re.compile(r"\s?(?:mg|mcg|micrograms?|ml|g|kg|units?|hours?|%)\b", re.IGNORECASE)


class Mask:
    """Takes the known places, and whatever looks like one, out of a text."""

    def __init__(self, places: Places) -> None:
        """Prepare for the places of one record."""
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for words in sorted(places.words, key=len, reverse=True):
            phrase = tuple(words.split())
            self._phrases.setdefault(phrase[0], []).append(phrase)
        self._tails = tuple({number[-KNOWN_DIGITS:] for number in places.numbers})
        self._codes = frozenset(code.lower() for code in places.codes)

    def __call__(self, text: str) -> str:
        """Return the text with every place masked; the same text where there is none."""
        if not text.isascii():
            text = plain_digits(text)
        spans = [*self._known(text), *self._telephones(text), *self._ways_in(text)]
        if spans:
            text = _cut_out(text, spans)
        return without_places(text)

    def knows(self, text: str) -> bool:
        """Tell whether a text names a place of the record."""
        return next(self._known(text), None) is not None

    def _known(self, text: str) -> Iterator[tuple[int, int]]:
        found = [(match, folded(match[0])) for match in WORD.finditer(text)]
        words = [word for _, word in found]
        for position, word in enumerate(words):
            for phrase in self._phrases.get(word, ()):
                end = position + len(phrase)
                if tuple(words[position:end]) != phrase:
                    continue
                first, last = found[position][0], found[end - 1][0]
                if word in _COMMON and len(phrase) == 1 and not first[0][0].isupper():
                    continue
                yield first.start(), last.end()

    def _telephones(self, text: str) -> Iterator[tuple[int, int]]:
        if not self._tails:
            return
        for match in _DIGITS.finditer(text):
            at = [match.start() + place for place, one in enumerate(match[0]) if one.isdigit()]
            digits = "".join(one for one in match[0] if one.isdigit())
            ends = [found + KNOWN_DIGITS for tail in self._tails if (found := digits.find(tail)) >= 0]
            if ends:
                yield match.start(), at[max(ends) - 1] + 1

    def _ways_in(self, text: str) -> Iterator[tuple[int, int]]:
        if not self._codes:
            return
        locks = names_a_lock(text)
        for match in CODE.finditer(text):
            if match[0].lower() in self._codes and (locks or not _UNIT.match(text, match.end())):
                yield match.span()


def _cut_out(text: str, spans: list[tuple[int, int]]) -> str:
    cut: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if end <= done:
            continue
        if start > done or not cut:
            cut += [text[done:start], MASK]
        done = end
    return "".join([*cut, text[done:]])
