"""First names as each decade gave them, the commonest far more often than the rest, and what they are shortened to.

The first name of each decade is the one published by the Office for National Statistics (*Baby names in England and
Wales: historical data, 1904-1994*, then its yearly lists): Margaret leads girls born in 1924, 1934 and 1944, Susan
those of 1954 and 1964, John the boys up to 1944. The order behind the first is near that of the lists, not checked
name by name.

These lists give ranks and no numbers, so the shares are ours: the first of a decade has `_TOP` per cent, those behind
it fall as 1/(rank + 4). What sixteen or so leave belongs to the names of the neighbouring decades and to those of
`_LATER`, which are many and of many languages.
"""

from __future__ import annotations

from datetime import date

from service.people.chance import Chance, spread

_FIRST_DECADE = 1914
_TOP = (6.5, 6.5, 6.5, 6.0, 5.0, 4.5, 4.0, 3.5, 3.0, 2.0, 1.7, 1.5)
"""Per cent of the first name, for the decades around 1914, 1924 and so on to 2024."""

_GIRLS = (
    "Mary Margaret Doris Dorothy Kathleen Florence Elsie Edith Elizabeth Winifred Gladys Annie Alice Phyllis Hilda",
    "Margaret Mary Joan Joyce Dorothy Kathleen Doris Irene Betty Eileen Elsie Jean Sheila Phyllis Marjorie Barbara",
    "Margaret Jean Mary Joan Patricia Sheila Barbara Doreen June Shirley Dorothy Joyce Maureen Elizabeth Audrey",
    "Margaret Patricia Christine Mary Jean Ann Susan Janet Maureen Barbara Valerie Carol Sandra Pauline Elizabeth",
    "Susan Linda Christine Margaret Janet Patricia Carol Elizabeth Mary Anne Ann Jane Jacqueline Barbara Sandra",
    "Susan Julie Karen Jacqueline Deborah Tracey Jane Helen Diane Sharon Tracy Angela Sarah Alison Caroline Amanda",
    "Sarah Claire Nicola Emma Lisa Joanne Michelle Helen Samantha Karen Amanda Rachel Louise Julie Clare Rebecca",
    "Sarah Laura Gemma Emma Rebecca Claire Victoria Samantha Rachel Amy Jennifer Nicola Katie Lisa Kelly Natalie",
    "Rebecca Lauren Jessica Charlotte Hannah Sophie Amy Emily Laura Emma Chloe Sarah Lucy Katie Bethany Jade Megan",
    "Emily Ellie Jessica Sophie Chloe Lucy Olivia Charlotte Katie Megan Grace Hannah Amy Ella Mia Lily Abigail Emma",
    "Amelia Olivia Isla Emily Poppy Ava Isabella Jessica Lily Sophie Grace Sophia Mia Evie Ruby Ella Scarlett",
    "Olivia Amelia Lily Isla Ivy Florence Freya Poppy Ava Elsie Isabella Sophia Mia Willow Grace Phoebe Evelyn Daisy",
)
_BOYS = (
    "John William George Thomas James Arthur Frederick Albert Charles Robert Joseph Ernest Alfred Henry Edward Harry",
    "John William George James Ronald Robert Kenneth Frederick Thomas Albert Eric Edward Arthur Charles Leslie",
    "John Peter William Brian David James Michael Ronald Kenneth George Robert Roy Raymond Derek Dennis Alan Gordon",
    "John David Michael Peter Robert Anthony Brian Alan William James Richard Kenneth Roger Keith Colin Christopher",
    "David John Stephen Michael Peter Robert Paul Alan Christopher Richard Anthony Andrew Ian Kevin Graham Keith",
    "David Paul Andrew Mark John Michael Stephen Ian Robert Richard Christopher Peter Simon Anthony Kevin Gary",
    "Paul Mark David Andrew Richard Christopher James Simon Michael Matthew Stephen Lee John Robert Darren Daniel",
    "Christopher James David Daniel Michael Matthew Andrew Richard Paul Mark Thomas Adam Robert John Lee Benjamin",
    "Thomas James Jack Daniel Matthew Ryan Joshua Luke Samuel Jordan Adam Michael Alexander Christopher Benjamin",
    "Jack Joshua Thomas James Daniel Samuel Oliver William Benjamin Joseph Harry Matthew Lewis Ethan Luke Charlie",
    "Oliver Jack Harry Jacob Charlie Thomas George Oscar James William Noah Alfie Joshua Muhammad Henry Leo Archie",
    "Muhammad Noah Oliver Arthur Leo George Luca Theodore Oscar Archie Jude Theo Freddie Henry Arlo Alfie Charlie",
)
_LATER = {
    "female": (
        "Ada Agnes Aisha Anita Anwen Beatrice Beryl Bronwen Cora Dilys Eirlys Eunice Fatima Gwyneth Greta Hana Hazel "
        "Heather Ingrid Iris Ivy Jasmin Josephine Judith Kamala Kerensa Khadija Lena Lorna Mabel Mavis Meera Monica "
        "Morag Muriel Myra Nesta Nia Noreen Olive Pamela Parveen Pearl Priya Queenie Rhiannon Rita Rosalind Rosemary "
        "Ruth Shanthi Sita Stella Sylvia Thelma Una Vera Violet Wendy Yetunde Yvonne Zainab Zofia Zosia"
    ).split(),
    "male": (
        "Abdul Ahmed Alun Angus Anil Bernard Bilal Cecil Cledwyn Clifford Cyril Desmond Donald Duncan Edwin Elijah "
        "Emrys Faisal Francis Geoffrey Gerald Gethin Gilbert Godfrey Gurdeep Hamish Harish Hector Herbert Howard Hugh "
        "Idris Imran Ivor Jasper Kofi Kwame Leonard Malcolm Marek Maurice Mervyn Mohan Neville Noel Norman Olu Omar "
        "Owen Percy Ralph Rashid Reginald Rhys Rupert Stanley Tariq Terence Tomasz Trevor Vernon Victor Vijay Walter"
    ).split(),
}
SHORT = {
    "Margaret": ("Peggy", "Maggie", "Meg"),
    "Mary": ("Molly", "Polly"),
    "Dorothy": ("Dot", "Dolly"),
    "Elizabeth": ("Betty", "Liz", "Beth"),
    "Kathleen": ("Kath", "Kitty"),
    "Patricia": ("Pat", "Trish"),
    "Barbara": ("Babs",),
    "Florence": ("Flo", "Florrie"),
    "Winifred": ("Win", "Freda"),
    "Christine": ("Chris", "Tina"),
    "Susan": ("Sue",),
    "Deborah": ("Debbie",),
    "Jacqueline": ("Jackie",),
    "Rebecca": ("Becky",),
    "Samantha": ("Sam",),
    "Jessica": ("Jess",),
    "Charlotte": ("Lottie",),
    "Maureen": ("Mo",),
    "Josephine": ("Jo", "Josie"),
    "John": ("Jack", "Johnny"),
    "William": ("Bill", "Will", "Billy"),
    "James": ("Jim", "Jimmy"),
    "Robert": ("Bob", "Rob"),
    "Ronald": ("Ron", "Ronnie"),
    "Kenneth": ("Ken",),
    "Edward": ("Ted", "Eddie"),
    "Henry": ("Harry",),
    "Charles": ("Charlie",),
    "Richard": ("Dick", "Rick"),
    "Michael": ("Mick", "Mike"),
    "Peter": ("Pete",),
    "Albert": ("Bert",),
    "Frederick": ("Fred",),
    "Thomas": ("Tom",),
    "David": ("Dave",),
    "Anthony": ("Tony",),
    "Christopher": ("Chris",),
    "Stephen": ("Steve",),
    "Andrew": ("Andy",),
    "Matthew": ("Matt",),
    "Benjamin": ("Ben",),
    "Joseph": ("Joe",),
    "Daniel": ("Dan",),
    "Reginald": ("Reg",),
    "Stanley": ("Stan",),
    "Leonard": ("Len",),
    "Muhammad": ("Mo",),
}
"""Names that people are called by, which look nothing like what is on the record."""

FORMS = {
    "Elizabeth": "Elisabeth",
    "Kathleen": "Cathleen",
    "Catherine": "Katherine",
    "Ann": "Anne",
    "Stephen": "Steven",
    "Claire": "Clare",
    "Muhammad": "Mohammed",
    "Sarah": "Sara",
    "Jacqueline": "Jaqueline",
}
"""Another way in which a name is written."""


def _table(names: str, later: list[str], top: float) -> tuple[str, ...]:
    ranked = names.split()
    shares = [(name, top * 5 / (rank + 5)) for rank, name in enumerate(ranked)]
    rest = max(100 - sum(share for _, share in shares), 20.0)
    # names of neighbouring decades and the many later ones fill what the leaders leave
    return spread([*shares, *((name, rest / len(later)) for name in later)], 4096)


def _tables(decades: tuple[str, ...], gender: str) -> tuple[tuple[str, ...], ...]:
    tables = []
    for number, names in enumerate(decades):
        near = " ".join(decades[max(number - 1, 0) : number + 2]).split()
        others = [name for name in dict.fromkeys(near) if name not in names.split()]
        tables.append(_table(names, others * 2 + _LATER[gender], _TOP[number]))
    return tuple(tables)


_TABLES = {"female": _tables(_GIRLS, "female"), "male": _tables(_BOYS, "male")}


def given_name(chance: Chance, gender: str, born: date) -> str:
    """Draw a first name of somebody's decade; any gender but `male` and `female` takes either."""
    tables = _TABLES.get(gender) or _TABLES["female" if chance.below(2) else "male"]
    return chance.one_of(tables[min(max((born.year - _FIRST_DECADE + 5) // 10, 0), len(tables) - 1)])
