"""Two localities of invented towns: their streets, postcodes, properties and telephones.

Street names are as uneven as England's: High Street leads, then Station Road, Church Lane, Church Street and Mill
Lane (2,453, 2,023, 1,868, 1,521 and 1,318 of 788,340 named roads, Ordnance Survey Open Names as counted by
CityMetric). A High Street is long, so 1 % of addresses are in one; the others are in proportion. Street names alone
are nobody's address: the towns do not exist.

Postcodes are of the area ZZ, which no mail uses. Each has 32 properties along one side of one street; a real one has
15 to 40. A property is known by a number, from which all of this follows: it is a map, the same for every seed.

Telephones are of the code 01632, which belongs to no place (Ofcom keeps 01632 960 for drama); mobiles of 07700 900,
kept for drama. Of these there are a thousand only, shared by nobody who should be found by them: most people have the
former.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from service.people.chance import spread

PROPERTIES = 640_000
"""Properties of one locality: as many as a county has."""

_PER_POSTCODE = 32
_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_TOWNS = (
    "Exampleton Testbury Sampleford Mockham Trialcaster Modelbridge Patternoak Dummersley Placeham Protowell".split(),
    "Specimouth Fabelton Sketchborough Draftwich Figmentham Inventon Mimicliffe Notionsea Pretendby Proxyford".split(),
)
_KNOWN = (
    ("High Street", 1.00),
    ("Station Road", 0.82),
    ("Church Lane", 0.76),
    ("Church Street", 0.62),
    ("Mill Lane", 0.54),
    ("Church Road", 0.44),
    ("School Lane", 0.42),
    ("Main Street", 0.40),
    ("Green Lane", 0.38),
    ("The Green", 0.36),
    ("Park Road", 0.34),
    ("London Road", 0.32),
    ("Victoria Road", 0.30),
    ("Manor Road", 0.28),
    ("The Crescent", 0.26),
    ("Queen Street", 0.24),
    ("Chapel Lane", 0.22),
    ("New Road", 0.20),
)
_STEMS = (
    "Acorn Alder Ash Aspen Badger Beech Birch Blackthorn Bramble Briar Brook Cedar Cherry Chestnut Clover Copse "
    "Cricket Curlew Daisy Dove Elm Falcon Fern Foxglove Furlong Garth Glebe Grange Hawthorn Hazel Heath Heron "
    "Hill Holly Ivy Jubilee Juniper Kestrel Kiln Lapwing Larch Laurel Lime Linden Magnolia Maple Meadow Nursery "
    "Oak Orchard Osprey Paddock Pine Plover Poplar Primrose Quarry Rowan Rushes Skylark Spring Sycamore Thistle "
    "Vicarage Walnut Water Well Willow Woodland Yew"
).split()
_KINDS = "Close Road Avenue Drive Way Street Lane Court Gardens Crescent Grove Place".split()
_HOUSES = "Rose Ivy Orchard Brook Hill Willow Church Mill Honeysuckle Wisteria".split()

_TAIL = [(f"{stem} {kind}", 92.0 / (len(_STEMS) * len(_KINDS))) for stem in _STEMS for kind in _KINDS]
_STREETS = spread([*_KNOWN, *_TAIL], 16_384)
_GOLDEN = 0x9E37_79B1
_MIX = 0x85EB_CA6B


class Property(msgspec.Struct, frozen=True):
    """A place with an address."""

    lines: tuple[str, ...]
    town: str
    postcode: str
    uprn: str


@lru_cache(maxsize=4096)
def _segment(locality: int, segment: int) -> tuple[str, str, str, int]:
    """Return street, town, postcode and first house number of one postcode."""
    # Golden-ratio steps lay the streets out evenly, so that each has just its share of the postcodes.
    street = _STREETS[((segment + locality) * _GOLDEN & 0xFFFF_FFFF) * len(_STREETS) >> 32]
    mixed = (segment + 1) * _MIX >> 5
    town = _TOWNS[locality][mixed % 10]
    district, left = divmod(segment, 4000)
    sector, unit = divmod(left, 400)
    postcode = f"ZZ{99 - district - 5 * locality} {sector}{_LETTERS[unit // 20]}{_LETTERS[unit % 20]}"
    return street, town, postcode, 1 + (mixed & 1) + 64 * ((mixed >> 3) % 4)


def property_of(locality: int, number: int) -> Property:
    """Return one of the `PROPERTIES` of a locality (0 or 1)."""
    segment, place = divmod(number, _PER_POSTCODE)
    street, town, postcode, first = _segment(locality, segment)
    door = first + 2 * place
    lines: tuple[str, ...]
    if place == 7:
        lines = (f"{_HOUSES[segment % 10]} Cottage", street)
    elif place >= 28:
        # the last four of a postcode are flats of one house
        lines = (f"Flat {place - 27}", f"{first + 56} {street}")
    else:
        lines = (f"{door} {street}",)
    return Property(lines, town, postcode, f"99{locality}{number:09}")


def landline(locality: int, number: int) -> str:
    """Return the telephone of a property; two properties in a county rarely share one."""
    return f"01632 {200_000 + (number * 7_919 + locality * 377_777) % 750_000:06}"
