"""The persons of synthetic households: who they are, school, work, telephone and disability."""

from __future__ import annotations

import numpy as np
import pandas as pd

from demo.generate.population import codes
from demo.generate.population.draws import Draws
from demo.generate.population.households import baseline

HAS_SPOUSE = {"male": 0.80, "female": 0.30}
# shares among the members after head and spouse
RELATIVES = {codes.CHILD: 0.66, codes.GRANDCHILD: 0.12, codes.PARENT: 0.08, codes.OTHER: 0.14}
# years between generations, and their spread
GENERATION = (27, 6)
# men of working age are fewer at home: many work abroad
MEN_OF = {"children": 0.515, "working age": 0.45, "elders": 0.49}
# log odds of attending school by age, from 5 to 25
ATTENDING = np.array(
    [
        1.2,
        3.0,
        3.4,
        3.4,
        3.4,
        3.3,
        3.2,
        3.0,
        2.7,
        2.4,
        2.0,
        1.3,
        0.8,
        0.5,
        0.0,
        -0.4,
        -0.8,
        -1.2,
        -1.6,
        -2.0,
        -2.4,
    ]
)
# class passed by a literate person who has left school: mean, wealth, towns, years of age above 25, spread
CLASSES = (7.0, 1.3, 1.2, -0.07, 3.0)
# log odds of work by age, from 15, 20, 25, 60, 70
WORKING = (np.array([15, 20, 25, 60, 70]), np.array([-1.2, 0.0, 0.8, 0.0, -1.4]))
# log odds of owning a mobile telephone by age, from 10, 15, 60
TELEPHONE = (np.array([10, 15, 60]), np.array([-2.0, 1.4, 0.0]))
# difficulty: where each function stands, what a year above 40 adds, and the cuts between the four answers
FUNCTION_LEVEL = dict(zip(codes.FUNCTIONS, (0.30, 0.0, 0.15, 0.0, -0.4, -0.5), strict=True))
FRAILTY, FUNCTION_AGE, CUTS = 0.7, 0.030, (1.6, 2.7, 3.5)
LITERACY_ASKED_FROM = SCHOOL_ASKED_FROM = DIFFICULTY_ASKED_FROM = 5
SCHOOL_COUNTED_UP_TO, WORK_ASKED_FROM, TELEPHONE_ASKED_FROM = 25, 15, 10


def persons(households: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    """Return one row a person, in the order of households: `household` (row), `line` (the head is 1) and the
    attributes as codes; 0 (education: -1) where the question is not asked at that age."""
    size = households["size"].to_numpy()
    row = np.repeat(np.arange(len(size)), size)
    line = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + 1
    of = {
        name: households[name].to_numpy()[row] for name in ("wealth", "urban", "unit", "head_sex", "head_age")
    }
    key = households["key"].to_numpy()[row] * np.uint64(64) + line.astype(np.uint64)
    relationship = _relationship(line, of, key, draws)
    age = _age(relationship, of["head_age"], key, draws)
    sex = _sex(relationship, age, of["head_sex"], key, draws)
    made = pd.DataFrame(
        {"household": row, "line": line.astype("int8"), "relationship": relationship, "sex": sex, "age": age}
    )
    _schooling(made, of, key, draws)
    _work(made, of, key, draws)
    _telephone(made, of, key, draws)
    frailty = FRAILTY * draws.normal("frailty", key)
    own = np.sqrt(1 - FRAILTY**2)
    for function, level in FUNCTION_LEVEL.items():
        felt = frailty + own * draws.normal(function, key) + level + FUNCTION_AGE * (age - 40.0)
        answer = 1 + sum((felt > cut).astype("int8") for cut in CUTS)
        made[function] = np.where(age >= DIFFICULTY_ASKED_FROM, answer, 0).astype("int8")
    return made


def disabled(persons: pd.DataFrame) -> np.ndarray:
    """Return who has a lot of difficulty, or cannot, in at least one function."""
    return (persons[list(codes.FUNCTIONS)] >= 3).any(axis=1).to_numpy()


def _relationship(line: np.ndarray, of: dict, key: np.ndarray, draws: Draws) -> np.ndarray:
    shares = np.cumsum(list(RELATIVES.values()))
    drawn = np.array(list(RELATIVES), "int8")[np.searchsorted(shares[:-1], draws.uniform("relative", key))]
    # grandchildren need an elder head, parents a young one
    drawn[(drawn == codes.GRANDCHILD) & (of["head_age"] < 48)] = codes.CHILD
    drawn[(drawn == codes.PARENT) & ((of["head_age"] > 65) | (line > 4))] = codes.CHILD
    share = np.where(of["head_sex"] == 1, HAS_SPOUSE["male"], HAS_SPOUSE["female"])
    with_spouse = (line == 2) & (draws.uniform("spouse", key) < share)
    return np.select([line == 1, with_spouse], [codes.HEAD, codes.SPOUSE], drawn).astype("int8")


def _age(relationship: np.ndarray, head_age: np.ndarray, key: np.ndarray, draws: Draws) -> np.ndarray:
    """Return completed years; a child not born yet at its drawn age takes one under 10 instead."""
    mean, spread = GENERATION
    chance, uniform = draws.normal("age", key), draws.uniform("age of the young", key)
    gap = np.clip(mean + spread * chance, 16, 45)
    oldest = np.clip(head_age - 16, 1, 10)
    child = np.where(head_age - gap >= 0, head_age - gap, uniform * oldest)
    grandchild = np.where(head_age - 2 * gap >= 0, head_age - 2 * gap, uniform * 12)
    ages = {
        codes.HEAD: head_age,
        codes.SPOUSE: np.maximum(18, head_age + 4 * chance),
        codes.CHILD: child,
        codes.GRANDCHILD: grandchild,
        codes.PARENT: head_age + gap,
        codes.OTHER: 50 * uniform,
    }
    chosen = np.select([relationship == code for code in ages], list(ages.values()))
    return np.clip(np.floor(chosen), 0, 98).astype("int8")


def _sex(
    relationship: np.ndarray, age: np.ndarray, head_sex: np.ndarray, key: np.ndarray, draws: Draws
) -> np.ndarray:
    men = np.select([age < 15, age < 60], [MEN_OF["children"], MEN_OF["working age"]], MEN_OF["elders"])
    drawn = np.where(draws.uniform("sex", key) < men, 1, 2)
    known = [relationship == codes.HEAD, relationship == codes.SPOUSE]
    return np.select(known, [head_sex, 3 - head_sex], drawn).astype("int8")


def _schooling(made: pd.DataFrame, of: dict, key: np.ndarray, draws: Draws) -> None:
    """Add `literate`, `school` and `education`, in place."""
    age, woman, wealth = made["age"].to_numpy(), made["sex"].to_numpy() == 2, of["wealth"]
    of_school_age = (age >= SCHOOL_ASKED_FROM) & (age <= SCHOOL_COUNTED_UP_TO)
    odds = ATTENDING[np.clip(age, 5, 25) - 5] + 0.4 * wealth - 0.25 * (woman & (age > 15))
    attends = of_school_age & draws.yes("attends school", key, odds)
    start = np.where(woman, baseline("literate_female", of["unit"]), baseline("literate_male", of["unit"]))
    cohort = np.where(age < 7, -1.5, 2.2 - 0.06 * np.maximum(age - 12, 0))
    literate = draws.yes("literate", key, start + cohort + 0.5 * wealth) | (attends & (age >= 7))
    earlier = ~attends & (age >= 7) & (literate | (draws.uniform("left school", key) < 0.1))

    mean, richer, town, older, spread = CLASSES
    left = mean + richer * wealth + town * of["urban"] + older * np.maximum(age - 25, 0)
    left = np.rint(left + spread * draws.normal("classes passed", key))
    on_time = age - 6 - np.floor(2.2 * draws.uniform("late", key))
    passed = np.where(attends, on_time, np.where(literate & earlier, left, 0))
    passed = np.clip(np.minimum(passed, age - 6.0), 0, 17)
    education = np.searchsorted([1, 6, 9, 11, 15], passed, side="right")
    asked = age >= SCHOOL_ASKED_FROM
    made["literate"] = np.where(asked, np.where(literate, 1, 2), 0).astype("int8")
    made["school"] = np.where(asked, np.select([attends, earlier], [1, 2], 3), 0).astype("int8")
    made["education"] = np.where(asked, education, -1).astype("int8")


def _work(made: pd.DataFrame, of: dict, key: np.ndarray, draws: Draws) -> None:
    """Add `work` and `sector` (of the employed), in place."""
    age, woman, attends = made["age"].to_numpy(), made["sex"].to_numpy() == 2, made["school"].to_numpy() == 1
    from_age, odds = WORKING
    odds = odds[np.maximum(np.searchsorted(from_age, age, side="right") - 1, 0)]
    works = draws.yes("works", key, odds - 0.7 * woman - 1.2 * attends + 0.1 * of["wealth"])
    seeks = ~works & (age < 65) & draws.yes("seeks work", key, -2.2 + 0.3 * of["urban"] - 1.0 * attends)
    asked = age >= WORK_ASKED_FROM
    made["work"] = np.where(asked, np.select([works, seeks], [1, 2], 3), 0).astype("int8")
    wealth, town = of["wealth"], of["urban"]
    weights = np.exp(
        np.column_stack(
            [
                0.9 - 1.2 * town - 0.5 * wealth + 0.5 * woman,
                -0.6 - 0.5 * woman,
                -0.1 + 0.5 * town + 0.4 * wealth,
            ]
        )
    )
    made["sector"] = np.where(asked & works, draws.category("sector", key, weights), 0).astype("int8")


def _telephone(made: pd.DataFrame, of: dict, key: np.ndarray, draws: Draws) -> None:
    """Add `telephone`: who owns a mobile telephone, in place."""
    age, woman = made["age"].to_numpy(), made["sex"].to_numpy() == 2
    from_age, odds = TELEPHONE
    odds = odds[np.maximum(np.searchsorted(from_age, age, side="right") - 1, 0)]
    odds = odds + 0.8 * of["wealth"] + 0.9 * (made["literate"].to_numpy() == 1) - 0.4 * woman
    owns = draws.yes("telephone", key, odds)
    made["telephone"] = np.where(age >= TELEPHONE_ASKED_FROM, np.where(owns, 1, 2), 0).astype("int8")
