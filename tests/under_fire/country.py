"""A small country as a project of its own: real DAGs, contracts, dbt, gates and releases, on a few rows.

All that runs is the project's own code; only what it runs on is small, so that it can be killed often.
"""

import shutil
from pathlib import Path

from statloom.settings import PROJECT

PLACES = {
    "place_scheme": (
        "place_scheme,title,custodian,valid_from,valid_to,source\nS,Codes,Office,2001-01-01,,tests\n"
    ),
    "place_vintage": "place_vintage,title,valid_from,valid_to,is_current\nV,Places,2001-01-01,,True\n",
    "place_change": "from_place_id,to_place_id,change_type,changed_on,note\n",
    "crosswalk": "from_place_id,to_place_id,basis,weight,weight_se,area_share,quality,note\n",
    "place_decision": (
        "source_id,place_scheme,place_level,place_code,place_name,place_parent,place_id,decided_by,"
        "decided_on,reason,expect\n"
    ),
}
UNITS = 12

CONTRACT = """
source: SOURCE
title: {en: "People by place and sex"}
custodian: Office
owner: people@office.example
kind: census
licence: MIT
provenance: made for the tests
sensitivity: low
schedule: "@daily"
maximum_age_days: 4000
connector: {type: file, url: SOURCE.csv}
format: {type: csv}
columns:
  level: {type: text, role: place_level, values: {country: country, district: district}}
  code: {type: text, role: place_code}
  sex: {type: text, role: dimension, categories: [F, M]}
  total: {type: integer, role: measure, unit: persons, minimum: 0}
key: [level, code, sex]
place: {scheme: S, date: 2011-06-22}
disclosure: {minimum_respondents: 0, reason: the figures are invented}
period: {type: year, value: "2011"}
series:
  - series: SERIES
    value: {measure: total}
    breakdown: {SEX: {column: sex, codes: {F: F, M: M}}}
"""

# Two sources: one series each.
SOURCES = {"people": "NP_POP", "households": "NP_HH"}

_DIMENSIONS = (
    "age, urbanisation, income_wealth_quantile, education_lev, occupation, cust_breakdown, "
    "composite_breakdown, disability_status, activity, product"
)
_KEYED = "{{ config(post_hook='alter table {{ this }} add primary key (KEY)') }}\n"
MODELS = {
    "staging/stg_{source}": (
        "select r.*, d.source_id from raw.{source} r join landing.current_delivery d"
        " on d.delivery_id = r._delivery_id\n"
    ),
    "harmonised/figure": (
        "-- depends_on: {{ ref('place') }}\n"
        "select s.*, p.place_id, p.place_name from (\n"
        "    select 'NP_POP' as series_code, * from {{ ref('stg_people') }}\n"
        "    union all select 'NP_HH', * from {{ ref('stg_households') }}\n"
        ") s join places.place_code c on (c.place_level, c.place_code) = (s.level, s.code)\n"
        "join places.place p using (place_id)\n"
    ),
    "marts/place_dimension": (
        _KEYED.replace("KEY", "place_id").replace("config(", "config(alias='place', ")
        + "select p.place_id, c.place_code, p.place_name, p.place_name_ne, p.place_level, p.place_vintage,"
        " p.parent_id, (select max(total) from {{ ref('figure') }}) as stamp\n"
        "from places.place p join places.place_code c using (place_id)\n"
    ),
    "marts/indicator_dimension": (
        _KEYED.replace("KEY", "series_code").replace("config(", "config(alias='indicator', ")
        + "select s.*, i.goal_number as goal, (select max(total) from {{ ref('figure') }}) as stamp\n"
        "from reference.series s cross join (select 17 as goal_number) i\n"
        "where series_code in ('NP_POP', 'NP_HH')\n"
    ),
    "marts/observation": (
        _KEYED.replace("KEY", "observation_key")
        + "select md5(series_code || place_id || sex)::uuid as observation_key, series_code,\n"
        "    'NP-17.18' as indicator_code, 17 as goal, place_id, code as place_code, place_name,\n"
        "    level as place_level, 'V' as place_vintage, '2011' as period,\n"
        "    date '2011-01-01' as period_start, date '2011-12-31' as period_end,\n"
        "    '2011' as time_detail, sex,\n"
        + ", ".join(f"'_T' as {name}" for name in _DIMENSIONS.split(", "))
        + ",\n    total::numeric as value, null::numeric as numerator, null::numeric as denominator,\n"
        "    'PERSONS' as unit, null::double precision as se, null::double precision as cv,\n"
        "    null::double precision as ci_low, null::double precision as ci_high, null::bigint as n,\n"
        "    null::double precision as deff, null::text as quality_band, null::text as quality_rule,\n"
        "    source_id, level as source_level, 'observed' as geo_method, 0::numeric as split_share,\n"
        "    0::double precision as geo_se, 'A' as obs_status, null::text as comment\n"
        "from {{ ref('figure') }}\n"
    ),
    "marts/indicator_series": (
        _KEYED.replace("KEY", "observation_key") + "select * from {{ ref('observation') }}\n"
    ),
}

MART_SUITE = """
suite: marts.observation
table: observation
owner: quality@office.example
example_columns: [series_code, place_id]
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: value}
    dimension: completeness
    severity: fail
    description: every figure has a value
  - type: expect_column_values_to_be_between
    kwargs: {column: value, min_value: 0}
    dimension: accuracy
    severity: fail
    description: no figure is below zero
"""
RELEASE_SUITE = """
suite: release.candidate_cell
table: candidate_cell
owner: quality@office.example
example_columns: [series_code, place_id]
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: series_code}
    dimension: structure
    severity: fail
    description: every cell is of a series
"""


def make(project: Path) -> None:
    """Make the project in the empty folder ``project``; deliver stamp 1."""
    for name in ("plugins", "config"):
        (project / name).symlink_to(PROJECT / name)
    _write(
        project / "dags" / "sources",
        {f"{s}.yml": CONTRACT.replace("SOURCE", s).replace("SERIES", i) for s, i in SOURCES.items()},
    )
    for path in (PROJECT / "dags").glob("*.py"):
        (project / "dags" / path.name).symlink_to(path)
    _write(project / "expectations" / "marts", {"observation.yml": MART_SUITE})
    _write(project / "expectations" / "release", {"candidate_cell.yml": RELEASE_SUITE})
    _write(project / "expectations" / "raw", {})
    _dbt(project / "dbt_project")
    deliver(project, 1)


def deliver(project: Path, stamp: int) -> None:
    """Put a delivery of every source in its place: every figure depends on ``stamp``."""
    for position, source in enumerate(SOURCES):
        rows = ["level,code,sex,total"]
        for number, level, code in [
            (0, "country", "NP"),
            *((n, "district", str(n)) for n in range(1, UNITS + 1)),
        ]:
            rows += [f"{level},{code},{sex},{1000 * stamp + 100 * position + number}" for sex in "FM"]
        (project / f"{source}.csv").write_text("\n".join(rows) + "\n")


def _dbt(folder: Path) -> None:
    real = PROJECT / "dbt_project"
    folder.mkdir()
    for name in ("profiles.yml", "dbt_project.yml"):
        shutil.copy(real / name, folder)
    text = (folder / "dbt_project.yml").read_text()
    # The columns of its marts are declared nowhere else.
    (folder / "dbt_project.yml").write_text(
        text.replace("+contract: {enforced: true}", "+contract: {enforced: false}")
    )
    (folder / "macros").mkdir()
    for name in ("generate_schema_name", "load_csv_rows"):
        shutil.copy(real / "macros" / f"{name}.sql", folder / "macros")
    shutil.copytree(
        real / "seeds" / "reference", folder / "seeds" / "reference", ignore=shutil.ignore_patterns("*.yml")
    )
    units = [("country", "NP", "Country", "")]
    units += [("district", str(n), f"Unit {n}", "V:country:NP") for n in range(1, UNITS + 1)]
    place = (
        "place_id,place_vintage,place_level,place_name,place_name_ne,place_type,parent_id,valid_from,"
        "valid_to,is_statistical\n"
    )
    code = "place_scheme,place_level,place_code,place_id,place_code_name,place_vintage\n"
    name = "place_id,place_name,name_kind,language,script\n"
    for level, number, title, parent in units:
        place += f"V:{level}:{number},V,{level},{title},,{level},{parent},2001-01-01,,True\n"
        code += f"S,{level},{number},V:{level}:{number},{title},V\n"
        name += f"V:{level}:{number},{title},official,en,Latn\n"
    seeds = PLACES | {"place": place, "place_code": code, "place_name": name}
    _write(folder / "seeds" / "places", {f"{k}.csv": v for k, v in seeds.items()})
    for path, select in MODELS.items():
        for source in SOURCES if "{source}" in path else ("",):
            file = folder / "models" / f"{path.replace('{source}', source)}.sql"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(select.replace("{source}", source))
    for name in ("quality", "tests"):
        (folder / "models" / name if name == "quality" else folder / name).mkdir()


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
