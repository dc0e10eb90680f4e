"""Small tables for the tests of protection: any figures on a country with districts and local units."""

import json

from statloom import release
from statloom.publication import publish
from tests.publication.marts import build, query, run
from tests.release.country import DIMENSIONS, declare

COUNTRY = "V:country:NP"


def place(code: str) -> str:
    """The place with a code: NP, districts of one digit, local units of two."""
    level = {"NP": "country"}.get(code) or {1: "district", 2: "local_unit"}.get(len(code), "province")
    return f"V:{level}:{code}"


def parent(code: str) -> str | None:
    return None if code == "NP" else COUNTRY if len(code) == 1 else place(code[0])


def rules(minimum: int = 5, *, columns: dict | None = None, **disclosure) -> str:
    """A contract as ``landing.source`` keeps it."""
    return json.dumps(
        {
            "title": {"en": "A census"},
            "custodian": "Bureau",
            "licence": "CC-BY-4.0",
            "provenance": "The bureau's tables",
            "synthetic": False,
            "path": "dags/sources/census.yml",
            "columns": columns or {"total": {"type": "integer", "role": "measure"}},
            "disclosure": {"minimum_respondents": minimum, "reason": "test", **disclosure},
        }
    )


def measured(engine, source: str, series: dict[str, dict[str, str]]) -> None:
    """Say what the series of a source are made of: series → role → category of the one measure."""
    run(engine, f"delete from landing.series_mapping where source_id = '{source}'")
    for code, roles in series.items():
        for role, category in roles.items():
            run(
                engine,
                "insert into landing.series_mapping (source_id, series_code, role, measure, categories) "
                f"""values ('{source}', '{code}', '{role}', 'total', '{{"kind": "{category}"}}')""",
            )


def publish_cells(engine, cells: list[dict], *, places: list[str] | None = None) -> None:
    """Publish observations: ``place`` (its code) and ``value``, or ``numerator`` and ``denominator``; besides
    ``series, period, source, level, n, se`` and breakdowns, where they are not the usual ones."""
    codes = places or sorted({cell["place"] for cell in cells} | {"NP"})
    listed = ", ".join(
        f"('{place(code)}', '{code}', '{place(code).split(':')[1]}', "
        + (f"'{parent(code)}'" if parent(code) else "null")
        + ")"
        for code in codes
    )
    build(
        engine,
        "place",
        "select id as place_id, code as place_code, 'Place ' || code as place_name, "
        "null::text as place_name_ne, level as place_level, 'V' as place_vintage, parent_id "
        f"from (values {listed}) p (id, code, level, parent_id)",
        "place_id",
    )
    series = sorted({cell.get("series", "S") for cell in cells})
    titled = ", ".join(f"('{code}', '1.1.1', 1, 'Series {code}', 'What it is', 'Persons')" for code in series)
    build(
        engine,
        "indicator",
        "select *, null::text as title_ne from (values "
        f"{titled}) i (series_code, indicator_code, goal, title, definition, unit_title)",
        "series_code",
    )
    rows = []
    for cell in cells:
        share = "numerator" in cell
        denominator = cell.get("denominator")
        value = (100 * cell["numerator"] / denominator if denominator else None) if share else cell["value"]
        rows.append(
            {"series": "S", "sex": "_T", "age": "_T", "period": "2021", "source": "census", "level": None}
            | {"n": None, "se": None, "numerator": None, "denominator": None}
            | cell
            | {"value": value, "unit": "PERCENT" if share else "PERSONS"}
        )
    kept = [name for name in DIMENSIONS.split(", ") if name != "age"]
    document = json.dumps(rows).replace("'", "''")
    build(
        engine,
        "observation",
        f"""
        select md5(concat_ws(' ', r.series, r.source, r.place, r.period, r.sex, r.age, r.level))::uuid
                as observation_key, r.series as series_code, '1.1.1' as indicator_code, 1 as goal,
            p.place_id, p.place_code, p.place_name, p.place_level, p.place_vintage, r.period,
            make_date(r.period::integer, 1, 1) as period_start,
            make_date(r.period::integer, 12, 31) as period_end, r.period as time_detail, r.sex, r.age,
            {", ".join(f"'_T'::text as {name}" for name in kept)}, r.value, r.numerator, r.denominator,
            r.unit, r.se, null::double precision as cv, null::double precision as ci_low,
            null::double precision as ci_high, r.n, null::double precision as deff,
            null::text as quality_band, null::text as quality_rule, r.source as source_id,
            coalesce(r.level, p.place_level) as source_level,
            'observed' as geo_method, 0::numeric as split_share, 0::double precision as geo_se,
            'A' as obs_status, null::text as comment
        from jsonb_to_recordset('{document}') r (series text, source text, place text, period text, sex text,
            age text, level text, value numeric, numerator numeric, denominator numeric, unit text, n bigint,
            se double precision)
        join candidate.place p on p.place_code = r.place
        """,
        "observation_key",
    )
    build(engine, "indicator_series", "select * from candidate.observation", "observation_key")
    publish(engine, run_id="test", code_version="abc")


def census(engine, contract: str | None = None, series: tuple[str, ...] = ("S",)) -> None:
    """Register a source."""
    declare(engine, "census", contract or rules(), dict.fromkeys(series, "value"))


def released(engine):
    """Prepare and write a release."""
    release.prepare(engine, run_id="test")
    return release.write(engine, run_id="test")


def left_out(engine, series: str = "S", columns: str = "place_code, sex") -> set[tuple]:
    """The cells that the prepared release leaves out."""
    return set(
        query(
            engine,
            f"select {columns} from release.candidate_cell where suppressed and series_code = '{series}'",
        )
    )
