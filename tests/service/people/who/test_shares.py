"""The shares of names, ages and streets against those published, and nobody's name among them. Prints histograms
(`-s`).
"""

from __future__ import annotations

from collections import Counter

import pytest

from service.people.who.identity import identity
from service.people.who.surnames import COMMONEST, name_of_rank
from tests.service.people.who.telling import say

MANY = 40_000
EVERYBODY = [identity(index, seed=9) for index in range(MANY)]
REAL = (
    "Smith Jones Williams Taylor Brown Davies Evans Thomas Wilson Roberts Johnson Robinson Wright Thompson Walker "
    "White Edwards Green Hall Wood Harris Hughes Lewis Martin Jackson Clarke Clark Turner Hill Cooper Morris Ward "
    "Moore Watson Morgan Baker Harrison King Patel Young Allen Mitchell James Anderson Phillips Lee Bell Parker Davis "
    "Bennett Miller Cook Shaw Richardson Carter Collins Marshall Bailey Gray Cox Adams Wilkinson Foster Chapman Mason "
    "Russell Powell Webb Rogers Hunt Mills Holmes Palmer Matthews Fisher Barnes Knight Lloyd Butler Price Barker "
    "Stevens Jenkins Murray Dixon Campbell Harvey Pearson Kelly Ellis Fletcher Howard Simpson Graham Andrews Elliott "
    "Ford Hamilton Kaur Singh Khan Begum Hussain Ali Ahmed"
).split()
SURNAMES = Counter(who.family for who in EVERYBODY)


@pytest.mark.parametrize(("name", "percent"), COMMONEST)
def test_the_commonest_family_names_have_the_published_shares(name, percent):
    """Published: deaths in England and Wales 1984-97, see `surnames`. One in sixteen has a name of another kind."""
    assert SURNAMES[name] / MANY * 100 == pytest.approx(percent * 0.955, abs=0.17)


def test_family_names_have_a_long_tail():
    ranked = [count / MANY * 100 for _, count in SURNAMES.most_common()]
    say("\nfamily names, per cent by rank, and how many people bear names borne by so many:")
    for rank in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000):
        say(f"  rank {rank:5}: {ranked[rank - 1]:.3f} {'#' * round(ranked[rank - 1] * 40)}")
    bearers = Counter(min(count, 500) for count in SURNAMES.values())
    for first, end in ((1, 1), (2, 5), (6, 20), (21, 100), (101, 499), (500, 500)):
        say(f"  {first:3}-{end:3} bearers: {sum(bearers[size] for size in range(first, end + 1))} names")
    assert len(SURNAMES) > MANY * 0.3
    assert ranked[99] == pytest.approx(0.10, abs=0.03)
    assert sum(ranked[:500]) == pytest.approx(36, abs=5)


def test_family_names_sound_different():
    codes: Counter[str] = Counter()
    for name, count in SURNAMES.items():
        codes[_soundex(name)] += count
    share, (code, most) = len(codes), codes.most_common(1)[0]
    say(f"\nSoundex codes: {share}; the commonest, {code}, has {most / MANY:.2%} of people")
    assert share > 1_000
    assert most / MANY < 0.03


def test_no_family_name_is_one_of_the_hundred_commonest_real_ones():
    real = {name.casefold() for name in REAL}
    assert not real & {name.casefold() for name in SURNAMES}
    assert not real & {name_of_rank(place).casefold() for place in range(0, 180_000, 7)}


def test_first_names_are_those_of_a_decade():
    def leading(gender: str, first: int, end: int) -> list[tuple[str, float]]:
        found = Counter(who.given[0] for who in EVERYBODY if who.gender == gender and first <= who.born.year < end)
        return [(name, count / found.total()) for name, count in found.most_common(5)]

    for gender in ("female", "male"):
        for first in (1920, 1930, 1940, 1950, 1960):
            say(f"{gender} {first}: {[f'{name} {share:.1%}' for name, share in leading(gender, first, first + 10)]}")
    assert "Margaret" in dict(leading("female", 1930, 1940))
    assert "John" in dict(leading("male", 1930, 1940))
    assert "Susan" in dict(leading("female", 1950, 1960))
    assert 0.04 < leading("female", 1930, 1940)[0][1] < 0.08


def test_ages_are_those_of_people_who_die():
    """Published: two thirds are 75 or older, a third of these 90 or older (PHE 2017); see `ages`."""
    ages = Counter(who.age // 10 * 10 for who in EVERYBODY)
    say("\nage:")
    for decade, count in sorted(ages.items()):
        say(f"  {decade:3}: {count / MANY:6.1%} {'#' * round(count / MANY * 100)}")
    elderly = sum(who.age >= 75 for who in EVERYBODY)
    oldest = sum(who.age >= 90 for who in EVERYBODY)
    assert elderly / MANY == pytest.approx(0.67, abs=0.03)
    assert oldest / elderly == pytest.approx(0.30, abs=0.05)
    assert 0.005 < sum(who.age < 18 for who in EVERYBODY) / MANY < 0.02
    assert max(who.age for who in EVERYBODY) <= 106


def test_streets_are_as_uneven_as_englands():
    housed = [who.home for who in EVERYBODY if who.home and not who.shared]
    streets = Counter(home.lines[-1].lstrip("0123456789 ") for home in housed)
    say(f"\nstreets: {[(name, f'{count / len(housed):.2%}') for name, count in streets.most_common(8)]}")
    assert streets["High Street"] / len(housed) == pytest.approx(0.01, abs=0.003)
    assert streets["High Street"] > streets["Mill Lane"] > streets["Chapel Lane"]


def test_few_share_what_one_would_be_found_by():
    """Among 40,000: twenty of 100,000 may share a token, so no more than a dozen here."""
    alone = [who for who in EVERYBODY if who.shared is None]
    for shared in (
        Counter((who.family, who.given[0], who.born) for who in EVERYBODY),
        Counter((who.home.postcode, who.home.lines) for who in alone if who.home),
        Counter(who.landline for who in alone if who.landline),
        Counter(phone for who in alone for phone in {contact.phone for contact in who.contacts}),
    ):
        assert shared.most_common(1)[0][1] <= 12


def _soundex(name: str) -> str:
    groups = {
        letter: str(digit) for digit, letters in enumerate("bfpv cgjkqsxz dt l mn r".split(), 1) for letter in letters
    }
    code, last = name[0], groups.get(name[0].lower(), "")
    for letter in name[1:].lower():
        digit = groups.get(letter, "")
        if digit and digit != last:
            code += digit
        if letter not in "hw":
            last = digit
    return f"{code}000"[:4]
