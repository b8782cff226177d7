"""Names of other languages: with diacritics, and in other scripts with the Latin form that a practice writes.

Family names are put together from parts in both scripts alike, so that they are pronounceable and nobody's. Each part
is (Latin, own script); where the script is Latin itself, the two differ by diacritics, which many systems drop.
"""

# ruff: noqa: RUF001 - letters of other scripts are what this file is about

from __future__ import annotations

import msgspec

from service.people.chance import Chance

_Part = tuple[str, str]


class Tradition(msgspec.Struct, frozen=True):
    """Where names come from: the language of the second form (BCP 47) and the parts that names are made of."""

    language: str
    latin: bool
    female: tuple[_Part, ...]
    male: tuple[_Part, ...]
    starts: tuple[_Part, ...]
    ends: tuple[_Part, ...]
    family_first: bool = False


def _parts(text: str) -> tuple[_Part, ...]:
    return tuple((latin, own) for latin, _, own in (word.partition("=") for word in text.split()))


TRADITIONS = (
    Tradition(
        "pl",
        True,
        _parts("Malgorzata=Małgorzata Bozena=Bożena Lucja=Łucja Grazyna=Grażyna"),
        _parts("Slawomir=Sławomir Lukasz=Łukasz Wladyslaw=Władysław Jozef=Józef"),
        _parts("Wis=Wiś Zol=Żół Brzu=Brzu Gra=Grą Slo=Sło Kedz=Kędz Trza=Trzą Mlo=Mło Swier=Świer"),
        _parts("niarek=niarek tobor=tobór walek=wałek dziolka=dziółka grobek=gróbek cimniak=ćmniak"),
    ),
    Tradition(
        "tr",
        True,
        _parts("Gulsen=Gülşen Ayse=Ayşe Cigdem=Çiğdem"),
        _parts("Ismail=İsmail Omer=Ömer Tugrul=Tuğrul"),
        _parts("Yil=Yıl Cel=Çel Gok=Gök Suk=Şük Oz=Öz Ulg=Ülg Dag=Dağ"),
        _parts("turkan=türkân binoz=binöz dasgil=daşgıl mezoglu=mezoğlu kaygin=kaygın"),
    ),
    Tradition(
        "fr",
        True,
        _parts("Helene=Hélène Zoe=Zoë Eugenie=Eugénie"),
        _parts("Francois=François Rene=René Jerome=Jérôme"),
        _parts("Bel=Bel Che=Ché Mar=Mar Prou=Prou Bre=Bré Vau=Vau"),
        _parts("vaneres=vanères touche=touché cenoit=cenoît leliere=lelière bredol=brédol"),
    ),
    Tradition(
        "uk",
        False,
        _parts("Oksana=Оксана Halyna=Галина Nadiia=Надія Liudmyla=Людмила"),
        _parts("Mykola=Микола Vasyl=Василь Bohdan=Богдан Taras=Тарас"),
        _parts("Horo=Горо Bere=Бере Kova=Кова Luka=Лука Medu=Меду Stepa=Степа Vero=Веро Zabo=Забо"),
        _parts("dyliuk=дилюк nenchuk=ненчук vchak=вчак byvets=бивець mynko=минько rudchenko=рудченко"),
    ),
    Tradition(
        "el",
        False,
        _parts("Eleni=Ελένη Despina=Δέσποινα Katerina=Κατερίνα"),
        _parts("Giorgos=Γιώργος Stavros=Σταύρος Nikos=Νίκος"),
        _parts("Kala=Καλα Papa=Παπα Myro=Μυρο Theo=Θεο Xeno=Ξενο Arvani=Αρβανι"),
        _parts("rolidis=ρολίδης mandakis=μανδάκης poulellis=πουλέλλης nopsis=νόψης drakos=δράκος"),
    ),
    Tradition(
        "pa",
        False,
        _parts("Harjit=ਹਰਜੀਤ Manjit=ਮਨਜੀਤ Surinder=ਸੁਰਿੰਦਰ"),
        _parts("Gurmit=ਗੁਰਮੀਤ Baldev=ਬਲਦੇਵ Jagtar=ਜਗਤਾਰ"),
        _parts("Man=ਮਨ Bal=ਬਲ Har=ਹਰ Kam=ਕਮ Dal=ਦਲ"),
        _parts("garal=ਗਰਲ tawal=ਤਾਵਲ jaran=ਜਰਨ bhodi=ਭੋਦੀ seral=ਸੇਰਲ"),
    ),
    Tradition(
        "zh",
        False,
        _parts("Meiling=美玲 Xiulan=秀兰 Yufen=玉芬"),
        _parts("Guoqiang=国强 Jianhua=建华 Zhiming=志明"),
        _parts("Sha=沙 Lan=兰 Yun=云 Qing=青"),
        _parts("shan=山 he=河 tian=田 lin=林"),
        family_first=True,
    ),
)


class Foreign(msgspec.Struct, frozen=True):
    """A name in its Latin form and in its own."""

    tradition: Tradition
    given: str
    own_given: str
    family: str
    own_family: str


def foreign_name(chance: Chance, gender: str) -> Foreign:
    """Draw a name of another language."""
    tradition = chance.one_of(TRADITIONS)
    given = chance.one_of(tradition.male if gender == "male" else tradition.female)
    start, end = chance.one_of(tradition.starts), chance.one_of(tradition.ends)
    return Foreign(tradition, given[0], given[1], start[0] + end[0], start[1] + end[1])
