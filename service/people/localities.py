"""Two localities: who cares for the people of each. No organisation exists: codes that begin with ZZ are for tests."""

from __future__ import annotations

import msgspec

Named = tuple[str, str, str]
"""ODS code, name and telephone of an organisation; or sign-in id, first name and family name of a clinician."""


class Locality(msgspec.Struct, frozen=True):
    """The organisations and clinicians of one locality. Its towns are in `service.people.who.streets`."""

    name: str
    practice: Named
    hospice: Named
    ambulance: Named
    call_handler: Named
    hospital: Named
    community: Named
    care_home_codes: str
    doctors: tuple[Named, ...]
    nurses: tuple[Named, ...]


LOCALITIES = (
    Locality(
        name="Exampleshire",
        practice=("ZZGP01", "Exampleton Surgery", "01632 960001"),
        hospice=("ZZHSP1", "Sampleford Hospice", "01632 960024"),
        ambulance=("ZZAMB1", "Exampleshire Ambulance Service", "01632 960101"),
        call_handler=("ZZ1110", "Exampleshire 111", "01632 960111"),
        hospital=("ZZHOS1", "Exampleton General Hospital", "01632 960120"),
        community=("ZZCOM1", "Exampleshire Community Nursing", "01632 960130"),
        care_home_codes="ZZCH",
        doctors=(
            ("555500000011", "Anwen", "Testwick"),
            ("555500000012", "Bilal", "Mockford"),
            ("555500000013", "Chloe", "Trialby"),
        ),
        nurses=(("555500000021", "Dara", "Samplestead"), ("555500000022", "Esther", "Protodale")),
    ),
    Locality(
        name="Fabelshire",
        practice=("ZZGP02", "Specimouth Health Centre", "01632 960002"),
        hospice=("ZZHSP2", "Figmentham Hospice", "01632 960025"),
        ambulance=("ZZAMB2", "Fabelshire Ambulance Service", "01632 960102"),
        call_handler=("ZZ1112", "Fabelshire 111", "01632 960112"),
        hospital=("ZZHOS2", "Fabelton Infirmary", "01632 960121"),
        community=("ZZCOM2", "Fabelshire District Nursing", "01632 960131"),
        care_home_codes="ZZCF",
        doctors=(
            ("555500000031", "Goronwy", "Modelcombe"),
            ("555500000032", "Harpreet", "Speciworth"),
            ("555500000033", "Imogen", "Mimicton"),
        ),
        nurses=(("555500000041", "Joyce", "Patternley"), ("555500000042", "Kwabena", "Exemplford")),
    ),
)
