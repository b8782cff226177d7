"""Names, streets and numbers brought to one form, so that what sounds or is spelled alike can be compared.

Letters of any script become plain ones (`anyascii`), case, marks and spaces go. Sounds are Metaphone's (`jellyfish`),
made for English spelling: what another language makes of a name is caught by the looser comparison of letters instead.
"""

from __future__ import annotations

import re
from functools import lru_cache

import jellyfish
from anyascii import anyascii

_NOT_LETTER = re.compile(r"[^a-z]+")
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_PARTICLES = frozenset("al ap ben bin da de del della den der di dos du el fitz ibn la le mac mc o st van von".split())
_WAYS = {
    "st": "street", "rd": "road", "ave": "avenue", "av": "avenue", "ln": "lane", "cl": "close", "dr": "drive",
    "cres": "crescent", "ct": "court", "gdns": "gardens", "gdn": "garden", "pl": "place", "sq": "square",
    "tce": "terrace", "terr": "terrace", "pk": "park", "gr": "grove", "hl": "hill", "wy": "way", "bvd": "boulevard",
}  # fmt: skip
_CALLED = {
    "alexander": "alec alex alexandra lex sandy sasha xander",
    "albert": "al bert bertie",
    "alfred": "alf alfie fred",
    "andrew": "andy drew",
    "anthony": "ant toni tony",
    "arthur": "art artie",
    "barbara": "babs barb barbie",
    "bernard": "bernie",
    "catherine": "cath cathy kate katharine katherine kathleen kathryn kathy katie kay kit kitty",
    "charles": "charlie chas chuck",
    "christine": "chris chrissie christina tina",
    "christopher": "chris kit topher",
    "daniel": "dan danny",
    "david": "dai dave davey davie",
    "deborah": "deb debbie debra",
    "desmond": "des desi",
    "donald": "don donnie",
    "dorothy": "dolly dora dot dottie",
    "edith": "edie",
    "edward": "ed eddie ned ted teddy",
    "edwin": "ed eddie",
    "eleanor": "ellie elle nell nelly nora",
    "elizabeth": "bess bessie beth betsy betty eliza elsie elspeth libby lisa liz lizzie",
    "ernest": "ernie",
    "florence": "flo florrie flossie",
    "francis": "frank frankie",
    "frances": "fanny fran francie",
    "frederick": "fred freddie freddy",
    "geoffrey": "geoff jeff jeffrey",
    "george": "georgie",
    "gerald": "gerry jerry",
    "gladys": "glad",
    "gwendoline": "gwen gwenda",
    "harold": "hal harry",
    "helen": "ellen nell",
    "henry": "hal hank harry",
    "herbert": "bert herb herbie",
    "isabella": "bella isabel isobel izzy",
    "jacqueline": "jackie jacqui",
    "james": "jamie jim jimmie jimmy",
    "jane": "janey janie jenny",
    "janet": "jan",
    "jennifer": "jen jennie jenny",
    "jessica": "jess jessie",
    "joan": "joanie",
    "john": "jack jackie johnnie johnny jon",
    "jonathan": "jon jonny jonty",
    "joseph": "joe joey",
    "josephine": "jo josie",
    "joyce": "joy",
    "judith": "jude judy",
    "kenneth": "ken kenny",
    "lawrence": "larry laurence laurie",
    "leonard": "len lennie lenny leo",
    "leslie": "les lesley",
    "lillian": "lil lilian lily",
    "margaret": "greta madge maggie maisie marge margery margie marjorie meg megan meggie peg peggy rita",
    "martin": "marty",
    "mary": "maisie mamie mae may mollie molly polly",
    "matilda": "mattie tilda tilly",
    "matthew": "mat matt matty",
    "maureen": "mo",
    "michael": "mick mickey micky mike mikey",
    "mildred": "millie",
    "nancy": "ann anne nan",
    "nicholas": "nick nicky",
    "olive": "livvy ollie olivia",
    "oliver": "ollie",
    "pamela": "pam pammie",
    "patricia": "paddy pat patsy patti tricia trish",
    "patrick": "paddy pat",
    "peter": "pete",
    "philip": "phil phillip pip",
    "priscilla": "cilla",
    "rebecca": "becca becky",
    "reginald": "reg reggie",
    "richard": "dick dickie ricky rich richie rick",
    "robert": "bob bobbie bobby rob robbie robin",
    "ronald": "ron ronnie",
    "rosemary": "rose rosie",
    "samuel": "sam sammy",
    "sarah": "sadie sally sara",
    "sheila": "shelagh",
    "sidney": "sid sydney",
    "stanley": "stan",
    "stephen": "steph steve steven stevie",
    "susan": "sue susannah susie suzanne suzie",
    "sylvia": "sylvie",
    "terence": "terry",
    "theodore": "ted teddy theo",
    "theresa": "teresa terri tess tessa",
    "thomas": "tom tommie tommy",
    "timothy": "tim timmy",
    "valerie": "val",
    "veronica": "ronnie vera",
    "victoria": "tori vicki vicky",
    "vincent": "vince vinny",
    "violet": "vi",
    "virginia": "ginny",
    "walter": "wally walt",
    "wilfred": "wilf",
    "william": "bill billy liam will willie wills",
    "winifred": "freda win winnie",
}
"""Full names and what their bearers are called, as commonly known in England."""

_FULL: dict[str, frozenset[str]] = {}
for _name, _short in _CALLED.items():
    for _one in (_name, *_short.split()):
        _FULL[_one] = _FULL.get(_one, frozenset()) | {_name}


def plain(text: str) -> str:
    """Return a name in plain small letters without anything between them: `O'Brien` and `obrien` are one."""
    return _NOT_LETTER.sub("", anyascii(text).lower())


def families(name: str) -> list[str]:
    """Return the forms that a family name is looked for by: whole, and each part of a double one."""
    parts = [plain(part) for part in re.split(r"[\s\-\u2010-\u2015]+", name) if plain(part)]
    whole = "".join(parts)
    separate = [part for part in parts if part not in _PARTICLES and len(part) > 2]
    return list(dict.fromkeys([whole, *separate])) if whole else []


def full_names(given: str) -> frozenset[str]:
    """Return the full names that a given or short name may stand for: itself, and of `Bill` also `william`."""
    name = plain(given)
    return (_FULL.get(name, frozenset()) | {name}) if name else frozenset()


def sound(name: str) -> str:
    """Return how a plain name sounds, `y` and `i` alike; the name itself where nothing of it is sounded."""
    return str(jellyfish.metaphone(name[:1] + name[1:].replace("y", "i"))).replace(" ", "") or name


def alike(one: str, other: str) -> bool:
    """Say whether two plain names may be the same with a slip of the pen, or sound the same."""
    if not one or not other:
        return False
    if one == other or sound(one) == sound(other):
        return True
    slips = jellyfish.damerau_levenshtein_distance(one, other)
    return bool(slips <= (1 if min(len(one), len(other)) < 7 else 2) and min(len(one), len(other)) > 3)


def street(line: str) -> tuple[str, str]:
    """Return house number or name, and street, of a line of an address: `12a High St.` is ('12a', 'highstreet')."""
    words = _NOT_PLAIN.sub(" ", anyascii(line).lower()).split()
    house: list[str] = []
    while words and (words[0][0].isdigit() or words[0] in ("flat", "apartment", "unit", "no")):
        word = words.pop(0)
        if word[0].isdigit():
            house.append(word)
    if words and words[-1] in _WAYS:
        words[-1] = _WAYS[words[-1]]
    return " ".join(house), "".join(words)


def postcode(text: str) -> str:
    """Return a postcode without spaces, in capitals."""
    return _NOT_PLAIN.sub("", anyascii(text).lower()).upper()


def place(text: str) -> str:
    """Return the name of a town, hostel or other place in one form."""
    return _NOT_PLAIN.sub("", anyascii(text).lower())


@lru_cache(maxsize=1)
def _trunk() -> re.Pattern[str]:
    return re.compile(r"^(?:\+|00)?44(?:0)?")


def phone(text: str) -> str:
    """Return the digits of a telephone number as dialled in the United Kingdom, '' for too few to tell anybody by."""
    digits = re.sub(r"[^\d+]", "", text)
    national = _trunk().sub("0", digits, count=1) if digits.startswith(("+44", "0044", "44")) else digits.lstrip("+")
    return national if len(national) >= 9 else ""
