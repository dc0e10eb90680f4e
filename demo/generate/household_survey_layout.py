"""The variables of the synthetic household survey's two files, and the labels of their codes."""

from __future__ import annotations

from demo.generate.population import codes

HOUSEHOLD = {
    "household_id": "Household (enumeration area and number)",
    "stratum": "Stratum: province by urban and rural",
    "psu": "Primary sampling unit (enumeration area)",
    "psu_households": "Households listed in the enumeration area",
    "weight": "Weight of the household and its persons (expands to all)",
    "province": "Province",
    "district": "District (code of the federal units)",
    "local_unit": "Local unit (code of the federal units)",
    "ward": "Ward of the local unit",
    "urban_rural": "Municipality or rural municipality",
    "phone": "Telephone number (invented, not in use)",
    "household_size": "Members of the household",
    "head_sex": "Sex of the head",
    "head_age": "Age of the head in completed years",
    "head_literate": "Head can read and write",
    "toilet": "Main type of toilet",
    "drinking_water": "Main source of drinking water",
    "lighting": "Main source of light",
    "cooking_fuel": "Main fuel for cooking",
    "home_ownership": "Ownership of the dwelling",
    "mobile_phone": "Household has a mobile phone",
    "television": "Household has a television",
    "internet": "Household has internet",
    "computer": "Household has a computer",
    "consumption": "Monthly consumption per person (rupees)",
}
PERSON = {
    "household_id": "Household (enumeration area and number)",
    "line": "Line of the person in the household",
    "name": "Name of the person (an invented token)",
    "relationship": "Relationship to the head of the household",
    "sex": "Sex",
    "age": "Age in completed years",
    "literate": "Can read and write (asked from 5 years)",
    "school": "School attendance (asked from 5 years)",
    "education": "Level of education passed (asked from 5 years)",
    "work": "Work in the last seven days (asked from 15 years)",
    "sector": "Sector of the work (of those who work)",
    "own_telephone": "Owns a mobile telephone (asked from 10 years)",
    **{name: f"Difficulty: {label}" for name, label in codes.FUNCTION_LABELS.items()},
}
NOT_ASKED = ("literate", "school", "education", "work", "sector", "own_telephone", *codes.FUNCTIONS)


def labels() -> dict[str, dict[int, str]]:
    """Return the value labels of both files by variable and code."""
    found = {
        "stratum": codes.STRATA,
        "province": codes.PROVINCES,
        "urban_rural": codes.URBAN_RURAL,
        "head_sex": codes.SEX,
        "head_literate": codes.YES_NO,
        **codes.topic_labels(),
        "relationship": codes.RELATIONSHIP,
        "sex": codes.SEX,
        "literate": codes.YES_NO,
        "school": codes.SCHOOL,
        "education": codes.EDUCATION,
        "work": codes.WORK,
        "sector": codes.SECTOR,
        "own_telephone": codes.YES_NO,
    }
    found |= {variable: codes.YES_NO for variable, *_ in codes.FACILITIES.values()}
    return found | dict.fromkeys(codes.FUNCTIONS, codes.DIFFICULTY)
