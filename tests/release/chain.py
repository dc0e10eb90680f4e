"""A country whose figures are revised from release to release, with tables that hang together.

Persons by sex and age and households of every place; the literate among the persons and the households
without a toilet, as shares of these. From a release on, a local unit is divided in two.
"""

import numpy as np
import pandas as pd

from statloom.publication import publish
from tests.publication.marts import build, run
from tests.release.country import DIMENSIONS, contract, declare

SEXES, AGES = ("F", "M"), ("Y0T14", "Y15T64", "Y_GE65")
OLD, NEW = "NP-2017", "NP-2024"
DIVIDED = "101"
SERIES = {
    "NP_POP": ("count", None, "Persons", "PERSONS"),
    "NP_LIT": ("share", "Persons who read and write", "Persons", "PERCENT"),
    "NP_HH": ("count", None, "Households", "NUMBER"),
    "NP_TOILET": ("share", "Households without a toilet", "Households", "PERCENT"),
}


class Country:
    """The truth: persons by unit, sex and age with the literate among them, households of each unit."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.units = [str(100 + number) for number in range(10)]
        self.districts = {unit: "1" if int(unit) < 105 else "2" for unit in self.units}
        self.vintage = OLD
        shape = (len(self.units), len(SEXES), len(AGES))
        self.persons = self.random.poisson(self.random.lognormal(2.2, 0.6, (len(self.units), 1, 1)), shape)
        self.literate = self.random.binomial(self.persons, 0.6)
        self.households = np.maximum(self.persons.sum(axis=(1, 2)) // 4, 1)
        self.without = self.random.binomial(self.households, 0.3)

    def revise(self, cells: int) -> None:
        """Change so many figures of units by a few persons, and with them all sums."""
        for _ in range(cells):
            unit, sex, age = (self.random.integers(0, size) for size in self.persons.shape)
            self.persons[unit, sex, age] += self.random.integers(1, 4)
            self.literate[unit, sex, age] = self.random.binomial(self.persons[unit, sex, age], 0.6)
        unit = self.random.integers(0, len(self.units))
        self.households[unit] += 1

    def divide(self) -> None:
        """Divide a unit: everyone in it now lives in one of two."""
        self.vintage = NEW
        at = self.units.index(DIVIDED)
        first = self.random.binomial(self.persons[at], 0.5)
        literate = self.random.hypergeometric(self.literate[at], self.persons[at] - self.literate[at], first)
        homes = int(self.households[at]) // 2
        without = int(
            self.random.hypergeometric(self.without[at], self.households[at] - self.without[at], homes)
        )
        for name, part in (
            ("persons", first),
            ("literate", literate),
            ("households", homes),
            ("without", without),
        ):
            whole = getattr(self, name)
            rest = whole.copy()
            rest[at] = whole[at] - part
            setattr(self, name, np.concatenate([rest, np.asarray(part)[None, ...]]))
        self.units = [*self.units, f"{DIVIDED}9"]
        self.districts[f"{DIVIDED}9"] = self.districts[DIVIDED]

    def place(self, level: str, code: str, vintage: str | None = None) -> str:
        return f"{vintage or self.vintage}:{level}:{code}"

    def areas(self) -> list[tuple[str, str, np.ndarray]]:
        """Return level, code and units of every place."""
        of = np.array([self.districts[unit] for unit in self.units])
        return [
            ("country", "NP", np.ones(len(of), dtype=bool)),
            *(("district", code, of == code) for code in ("1", "2")),
            *(("local_unit", unit, np.arange(len(of)) == number) for number, unit in enumerate(self.units)),
        ]

    def figures(self, period: str) -> pd.DataFrame:
        """Return all figures of a period."""
        rows = []
        for level, code, units in self.areas():
            persons, literate = self.persons[units].sum(axis=0), self.literate[units].sum(axis=0)
            for s, sex in enumerate((*SEXES, "_T")):
                lines = slice(None) if sex == "_T" else slice(s, s + 1)
                for a, age in enumerate((*AGES, "_T")):
                    columns = slice(None) if age == "_T" else slice(a, a + 1)
                    total = int(persons[lines, columns].sum())
                    rows.append(("NP_POP", level, code, sex, age, total, None))
                    if age == "_T":
                        rows.append(("NP_LIT", level, code, sex, age, total, int(literate[lines].sum())))
            homes = int(self.households[units].sum())
            rows.append(("NP_HH", level, code, "_T", "_T", homes, None))
            rows.append(("NP_TOILET", level, code, "_T", "_T", homes, int(self.without[units].sum())))
        frame = pd.DataFrame(rows, columns=["series", "level", "code", "sex", "age", "total", "part"])
        return frame[frame["total"] > 0].assign(period=period, vintage=self.vintage)


def _values(frame: pd.DataFrame) -> str:
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False)
    return ", ".join(
        "("
        + ", ".join("null" if v is None else str(v) if not isinstance(v, str) else f"'{v}'" for v in row)
        + ")"
        for row in rows
    )


def build_country(engine, country: Country, period: str = "2021") -> None:
    """Build the candidate marts of the country as it is."""
    vintages = {
        OLD: [unit for unit in country.units if unit != f"{DIVIDED}9"],
        **({NEW: country.units} if country.vintage == NEW else {}),
    }
    places = pd.DataFrame(
        [
            (f"{vintage}:{level}:{code}", code, f"{level} {code}", level, vintage, parent)
            for vintage, units in vintages.items()
            for level, code, parent in (
                ("country", "NP", None),
                *(("district", code, f"{vintage}:country:NP") for code in ("1", "2")),
                *(("local_unit", u, f"{vintage}:district:{country.districts[u]}") for u in units),
            )
        ]
    )
    build(
        engine,
        "place",
        "select place_id, place_code, place_name, null::text as place_name_ne, place_level, place_vintage, "
        f"parent_id from (values {_values(places)}) p "
        "(place_id, place_code, place_name, place_level, place_vintage, parent_id)",
        "place_id",
    )
    titles = pd.DataFrame(
        [
            (code, "NP-17.18", 17, f"{whole} ({code})", f"{whole}, counted.", kind, part, whole, unit)
            for code, (kind, part, whole, unit) in SERIES.items()
        ]
    )
    build(
        engine,
        "indicator",
        "select series_code, indicator_code, goal, title, null::text as title_ne, definition, "
        "unit as unit_title, measure_type, numerator_definition, "
        "case when measure_type = 'share' then whole end as denominator_definition "
        f"from (values {_values(titles)}) i (series_code, indicator_code, goal, title, definition, "
        "measure_type, numerator_definition, whole, unit)",
        "series_code",
    )
    others = [name for name in DIMENSIONS.split(", ") if name != "age"]
    build(
        engine,
        "observation",
        f"""
        select md5(series || place_id || period || sex || age)::uuid as observation_key,
            series as series_code, 'NP-17.18' as indicator_code, 17 as goal, place_id, code as place_code,
            level || ' ' || code as place_name, level as place_level, vintage as place_vintage, period,
            make_date(period::integer, 1, 1) as period_start,
            make_date(period::integer, 12, 31) as period_end, period as time_detail, sex, age,
            {", ".join(f"'_T' as {name}" for name in others)},
            case when part is null then total else round(100.0 * part / total, 6) end::numeric as value,
            part::numeric as numerator, case when part is not null then total end::numeric as denominator,
            case when part is null then 'PERSONS' else 'PERCENT' end as unit,
            null::double precision as se, null::double precision as cv, null::double precision as ci_low,
            null::double precision as ci_high, null::bigint as n, null::double precision as deff,
            null::text as quality_band, null::text as quality_rule, 'census' as source_id,
            'local_unit' as source_level, 'observed' as geo_method, 0::numeric as split_share,
            0::double precision as geo_se, 'A' as obs_status, null::text as comment
        from (select *, vintage || ':' || level || ':' || code as place_id
            from (values {_values(country.figures(period))}) v
            (series, level, code, sex, age, total, part, period, vintage)) f
        """,
        "observation_key",
    )
    build(engine, "indicator_series", "select * from candidate.observation", "observation_key")


def prepare_country(engine, minimum: int = 5) -> None:
    """Declare the census and the boundary change, which everyone knows."""
    declare(engine, "census", contract(minimum), {"NP_POP": "value", "NP_HH": "value"})
    run(
        engine,
        *(
            "insert into landing.series_mapping (source_id, series_code, role, measure) "
            f"values ('census', '{code}', '{role}', 'total')"
            for code in ("NP_LIT", "NP_TOILET")
            for role in ("numerator", "denominator")
        ),
        "create schema if not exists places",
        "create table if not exists places.crosswalk (from_place_id text, to_place_id text, basis text, "
        "weight numeric)",
        "insert into places.crosswalk values "
        + ", ".join(
            f"('{OLD}:{level}:{code}', '{NEW}:{level}:{new}', 'whole', 1)"
            for level, code, new in (
                ("country", "NP", "NP"),
                *(("district", code, code) for code in ("1", "2")),
                *(("local_unit", str(100 + n), str(100 + n)) for n in range(10)),
                ("local_unit", DIVIDED, f"{DIVIDED}9"),
            )
        ),
    )


def publish_country(engine, country: Country) -> int:
    """Build and publish the country as it is; return the publication."""
    build_country(engine, country)
    return publish(engine, run_id="test", code_version="abc").publication_id
