"""The categories of the synthetic population's attributes: code, label, label in Nepali."""

from __future__ import annotations

PROVINCES = {
    1: "Province 1",
    2: "Province 2",
    3: "Bagmati",
    4: "Gandaki",
    5: "Lumbini",
    6: "Karnali",
    7: "Sudurpashchim",
}
STRATA = {
    2 * number - urban: f"{name}, {'urban' if urban else 'rural'}"
    for number, name in PROVINCES.items()
    for urban in (1, 0)
}
YES_NO = {0: "No", 1: "Yes"}
URBAN_RURAL = {1: "Urban", 2: "Rural"}
SEX = {1: "Male", 2: "Female"}
RELATIONSHIP = {
    1: "Head",
    2: "Wife or husband",
    3: "Son or daughter",
    4: "Grandchild",
    5: "Parent",
    6: "Other",
}
HEAD, SPOUSE, CHILD, GRANDCHILD, PARENT, OTHER = RELATIONSHIP
SCHOOL = {1: "Attends", 2: "Attended earlier", 3: "Never attended"}
EDUCATION = {
    0: "No class passed",
    1: "Primary, classes 1 to 5",
    2: "Lower secondary, classes 6 to 8",
    3: "Secondary, classes 9 and 10",
    4: "Higher secondary, classes 11 and 12",
    5: "Graduate or above",
}
WORK = {1: "Employed", 2: "Unemployed", 3: "Outside the labour force"}
SECTOR = {1: "Agriculture", 2: "Industry", 3: "Services"}
DIFFICULTY = {1: "No difficulty", 2: "Some difficulty", 3: "A lot of difficulty", 4: "Cannot do at all"}
# the short set of the Washington Group on Disability Statistics; a disability is code 3 or 4 in any of them
FUNCTION_LABELS = {
    "seeing": "seeing, even with glasses",
    "hearing": "hearing, even with a hearing aid",
    "walking": "walking or climbing steps",
    "remembering": "remembering or concentrating",
    "self_care": "washing or dressing",
    "communicating": "understanding or being understood",
}
FUNCTIONS = tuple(FUNCTION_LABELS)

# topic: its categories from code 1, as
# (column of the frame, label, factor on the share since 2011, how much likelier it is for a richer household)
TOPICS = {
    "toilet": [
        ("FLUSH_TOILET", "Flush toilet", 2.2, 0.8),
        ("ORDINARY_TOILET", "Ordinary toilet", 1.0, 0.0),
        ("NO_TOILET", "No toilet", 0.05, -0.8),
    ],
    "water": [
        ("TAP_PIPED", "Tap or piped water", 1.4, 0.4),
        ("TUBEWELL", "Tubewell or handpump", 1.0, 0.2),
        ("COVERED_WELL", "Covered well", 0.8, 0.0),
        ("UNCOVERED_WELL", "Uncovered well", 0.5, -0.4),
        ("SPOUT_WATER", "Spout water", 0.7, -0.3),
        ("RIVER_STREAM", "River or stream", 0.5, -0.6),
        ("OTHERS", "Other", 1.5, 0.2),
    ],
    "lighting": [
        ("ELECTRICITY", "Electricity", 4.5, 0.6),
        ("SOLAR", "Solar", 2.0, 0.0),
        ("KEROSENE", "Kerosene", 0.05, -0.6),
        ("BIOGAS", "Biogas", 0.5, 0.0),
        ("OTHERS", "Other", 0.15, -0.5),
    ],
    "cooking": [
        ("WOOD", "Wood", 0.75, -0.6),
        ("LPG", "LPG", 3.5, 0.9),
        ("GUITHA", "Dung cakes", 0.3, -0.6),
        ("BIOGAS", "Biogas", 0.8, 0.2),
        ("ELECTRICITY", "Electricity", 6.0, 0.8),
        ("KEROSENE", "Kerosene", 0.1, 0.0),
        ("OTHERS", "Other", 0.5, -0.2),
    ],
    "ownership": [
        ("OWNED", "Owned", 1.0, 0.1),
        ("RENTED", "Rented", 1.1, 0.0),
        ("INSTITUTIONAL", "Institutional", 1.0, 0.0),
        ("OTHERS", "Other", 1.0, -0.3),
    ],
}
VARIABLE_OF_TOPIC = {
    "toilet": "toilet",
    "water": "drinking_water",
    "lighting": "lighting",
    "cooking": "cooking_fuel",
    "ownership": "home_ownership",
}
# facility: variable, shift of the log odds since 2011, effect of wealth
FACILITIES = {
    "MOBILE_PHONE": ("mobile_phone", 1.9, 0.8),
    "TELEVISION": ("television", 0.6, 0.9),
    "INTERNET": ("internet", 3.0, 1.1),
    "COMPUTER": ("computer", 1.0, 1.2),
}


def topic_labels() -> dict[str, dict[int, str]]:
    """Return the labels of the household's topics by variable and code."""
    return {
        VARIABLE_OF_TOPIC[topic]: {code: label for code, (_, label, *_) in enumerate(categories, start=1)}
        for topic, categories in TOPICS.items()
    }
