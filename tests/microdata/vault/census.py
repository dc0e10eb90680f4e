"""A small census as CSPro writes one: dictionary in both forms, lines of fixed width, by seed."""

import json
from pathlib import Path

import numpy as np

SECTIONS = """[Dictionary]
Version=CSPro 7.7
Label=Test census
Name=TEST_CENSUS
RecordTypeStart=1
RecordTypeLen=1
Positions=Relative
ZeroFill=No
DecimalChar=No

[Languages]
EN=English
NE=Nepali

[Level]
Label=Questionnaire
Name=QUEST

[IdItems]

[Item]
Label=District
Name=DISTRICT
Start=2
Len=2
ZeroFill=Yes

[Item]
Label=Household number
Name=HH
Start=4
Len=6

[Record]
Label=Household
Name=HOUSE_REC
RecordTypeValue='1'
RecordLen=40

[Item]
Label=Toilet
Name=H1_TOILET
Start=10
Len=1

[ValueSet]
Label=Toilet
Name=H1_VS1
Value=1;Flush toilet|फ्लस
Value=2;Ordinary toilet|साधारण
Value=3;No toilet|छैन

[Item]
Label=Area in square metres
Name=H2_AREA
Start=11
Len=6
Decimal=1
DecimalChar=Yes

[Item]
Label=Rent
Name=H3_RENT
Start=17
Len=6
Decimal=2

[Item]
Label=Rooms by use
Name=H4_ROOMS
Start=23
Len=2
Occurrences=3

[Item]
Label=Weight
Name=H5_WEIGHT
Start=29
Len=4
Decimal=2

[Item]
Label=Phone
Name=H6_PHONE
Start=33
Len=8
DataType=Alpha

[Record]
Label=Person
Name=PERSON_REC
RecordTypeValue='2'
Required=No
MaxRecords=30
RecordLen=36

[Item]
Label=Line number
Name=P0_LINE
Start=10
Len=2

[Item]
Label=Name
Name=P1_NAME
Start=12
Len=12
DataType=Alpha

[Item]
Label=Sex
Name=P2_SEX
Start=24
Len=1

[ValueSet]
Label=Sex
Name=P2_VS1
Value=1;Male|पुरुष
Value=2;Female|महिला

[Item]
Label=Age
Name=P3_AGE
Start=25
Len=3

[ValueSet]
Label=Age
Name=P3_VS1
Value=0:110;Years
Value=998;Not stated
Name=MISSING

[Item]
Label=Date of birth
Name=P4_BORN
Start=28
Len=8

[Item]
Label=Year of birth
Name=P4_YEAR
Start=28
Len=4
ItemType=SubItem

[Item]
Label=School
Name=P5_SCHOOL
Start=36
Len=1
DataType=Alpha

[ValueSet]
Label=School
Name=P5_VS1
Value='A';Attends, now
Value='N';Does not; never did
"""


def _label(text: str) -> list[dict]:
    parts = text.split("|")
    return [{"text": t, "language": c} for t, c in zip(parts, ("EN", "NE"), strict=False)]


def _values(*pairs: tuple) -> list[dict]:
    found = []
    for code, label in pairs:
        pair = {"range": [str(c) for c in code]} if isinstance(code, tuple) else {"value": str(code)}
        found.append({"labels": _label(label), "pairs": [pair]})
    return found


def _item(name: str, length: int, content: str = "numeric", values: list | None = None, **more) -> dict:
    item = {"name": name, "labels": _label(name), "contentType": content, "length": length, **more}
    if values:
        item["valueSets"] = [{"name": f"{name[:2]}_VS1", "labels": _label(name), "values": values}]
    return item


def as_json() -> str:
    """The same dictionary as CSPro 8 writes it, with relative positions."""
    household = [
        _item(
            "H1_TOILET",
            1,
            values=_values((1, "Flush toilet|फ्लस"), (2, "Ordinary toilet|साधारण"), (3, "No toilet|छैन")),
        ),
        _item("H2_AREA", 6, decimals=1, decimalMark=True),
        _item("H3_RENT", 6, decimals=2, decimalMark=False),
        _item("H4_ROOMS", 2, occurrences={"maximum": 3}),
        _item("H5_WEIGHT", 4, decimals=2, decimalMark=False),
        _item("H6_PHONE", 8, "alpha"),
    ]
    person = [
        _item("P0_LINE", 2),
        _item("P1_NAME", 12, "alpha"),
        _item("P2_SEX", 1, values=_values((1, "Male|पुरुष"), (2, "Female|महिला"))),
        _item("P3_AGE", 3, values=_values(((0, 110), "Years"), (998, "Not stated"))),
        _item("P4_BORN", 8),
        _item("P4_YEAR", 4, subitem=True, subitemOffset=0),
        _item("P5_SCHOOL", 1, "alpha", values=_values(("A", "Attends, now"), ("N", "Does not; never did"))),
    ]
    return json.dumps(
        {
            "software": "CSPro",
            "version": 8.0,
            "fileType": "dictionary",
            "name": "TEST_CENSUS",
            "labels": _label("Test census"),
            "languages": [{"name": "EN", "label": "English"}, {"name": "NE", "label": "Nepali"}],
            "recordType": {"start": 1, "length": 1},
            "defaults": {"decimalMark": False, "zeroFill": False},
            "relativePositions": True,
            "levels": [
                {
                    "name": "QUEST",
                    "ids": {"items": [_item("DISTRICT", 2, start=2, zeroFill=True), _item("HH", 6, start=4)]},
                    "records": [
                        {"name": "HOUSE_REC", "recordType": "1", "items": household},
                        {
                            "name": "PERSON_REC",
                            "recordType": "2",
                            "occurrences": {"required": False, "maximum": 30},
                            "items": person,
                        },
                    ],
                }
            ],
        },
        ensure_ascii=False,
        indent=1,
    )


def lines(households: int, *, seed: int = 1, mean_size: float = 4.4) -> list[str]:
    """Lines of a census of ``households`` with their persons: names and phones that occur nowhere else."""
    random = np.random.default_rng(seed)
    sizes = np.clip(random.poisson(mean_size, households), 1, 30)
    toilets, areas = random.integers(1, 4, households), random.integers(100, 2500, households)
    rents, rooms = random.integers(0, 10**6, households), random.integers(0, 12, (households, 3))
    sexes, ages = random.integers(1, 3, sizes.sum()), random.integers(0, 99, sizes.sum())
    found, person = [], 0
    for i in range(households):
        case = f"{1 + i * 5 // households:02}{i + 1:6d}"
        room = "".join(f"{r:2d}" for r in rooms[i])
        found.append(
            f"1{case}{toilets[i]}{areas[i] / 10:6.1f}{rents[i]:6d}{room}{1.25 * 100:4.0f}{f'ph{i:06d}'[:8]}"
        )
        for line in range(1, sizes[i] + 1):
            age = ages[person]
            found.append(
                f"2{case}{line:2d}Xyzzy{person:07d}{sexes[person]}{age:3d}{2021 - age}0615{'AN'[person % 2]}"
            )
            person += 1
    return found


def write(
    folder: Path, content: list[str] | str, *, json_form: bool = False, encoding: str = "utf-8"
) -> Path:
    """Write dictionary and data into ``folder``; return the data's path."""
    (folder / "census.dcf").write_text(as_json() if json_form else SECTIONS, encoding="utf-8-sig")
    path = folder / "census.dat"
    text = content if isinstance(content, str) else "".join(f"{line}\r\n" for line in content)
    path.write_bytes(text.encode(encoding))
    return path
