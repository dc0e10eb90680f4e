"""The dictionary of the synthetic census file: levels, record types, items and their codes."""

from __future__ import annotations

from demo.generate.cspro import Item, Level, Record
from demo.generate.population import codes

YES_NO = {1: "Yes", 2: "No"}
NOT_STATED_CODE = 9
NOT_STATED = {NOT_STATED_CODE: "Not stated"}
NOT_ASKED = "Not asked at this age"
NAME_LENGTH, NUMBER_LENGTH = 26, 10
FACILITIES = {
    "mobile_phone": "Household has a mobile telephone",
    "internet": "Household has internet",
}
TOPICS = {
    "toilet": "Main type of toilet",
    "drinking_water": "Main source of drinking water",
    "lighting": "Main source of light",
    "cooking_fuel": "Main fuel for cooking",
    "home_ownership": "Ownership of the dwelling",
}


def _coded(name: str, label: str, values: dict[int, str], blank: str | None = None) -> Item:
    return Item(name.upper(), label, 1, values, blank=blank)


WARD = Record(
    "W",
    "WARD_RECORD",
    "Ward",
    (
        _coded("URBAN_RURAL", "Municipality or rural municipality", codes.URBAN_RURAL),
        Item("LISTED", "Households listed in the ward", 5, span=(1, 99_999)),
    ),
)
HOUSEHOLD = Record(
    "H",
    "HOUSEHOLD_RECORD",
    "Household",
    (
        Item("PERSONS", "Persons in the household", 2, span=(1, 40)),
        *(_coded(variable, TOPICS[variable], labels) for variable, labels in codes.topic_labels().items()),
        *(_coded(variable, label, YES_NO) for variable, label in FACILITIES.items()),
        Item("CONTACT_NUMBER", "Telephone number (invented, not in use)", NUMBER_LENGTH, alpha=True),
    ),
)
PERSON = Record(
    "P",
    "PERSON_RECORD",
    "Person",
    (
        Item("NAME", "Name of the person (an invented token)", NAME_LENGTH, alpha=True),
        Item("LINE", "Line of the person in the household", 2, span=(1, 40)),
        _coded("RELATIONSHIP", "Relationship to the head of the household", codes.RELATIONSHIP),
        _coded("SEX", "Sex", codes.SEX),
        Item("AGE", "Age in completed years", 2, span=(0, 98)),
        _coded("LITERATE", "Can read and write (asked from 5 years)", YES_NO | NOT_STATED, NOT_ASKED),
        _coded("SCHOOL", "School attendance (asked from 5 years)", codes.SCHOOL | NOT_STATED, NOT_ASKED),
        _coded("EDUCATION", "Level of education passed (asked from 5 years)", codes.EDUCATION, NOT_ASKED),
        _coded("WORK", "Work in the last seven days (asked from 15 years)", codes.WORK, NOT_ASKED),
        _coded("OWN_TELEPHONE", "Owns a mobile telephone (asked from 10 years)", YES_NO, NOT_ASKED),
        *(
            _coded(function, f"Difficulty: {label} (asked from 5 years)", codes.DIFFICULTY, NOT_ASKED)
            for function, label in codes.FUNCTION_LABELS.items()
        ),
    ),
    most=40,
)
LEVELS = (
    Level(
        "WARD_LEVEL",
        "Ward",
        (
            _coded("PROVINCE", "Province", codes.PROVINCES),
            Item("DISTRICT", "District (code of the federal units)", 2, span=(1, 77)),
            Item("LOCAL_UNIT", "Local unit (code of the federal units)", 5, span=(10_101, 79_999)),
            Item("WARD", "Ward of the local unit", 2, span=(1, 35)),
        ),
        (WARD,),
    ),
    Level(
        "HOUSEHOLD_LEVEL",
        "Household",
        (
            Item("AREA", "Enumeration area of the ward", 3, span=(1, 999)),
            Item("HOUSEHOLD", "Number of the household in the area", 3, span=(1, 999)),
        ),
        (HOUSEHOLD, PERSON),
    ),
)
