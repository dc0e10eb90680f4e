"""A small country for the tests of releases: published marts and the contracts of their sources."""

import json

from statloom.publication import publish
from tests.publication.marts import build, run

DIMENSIONS = (
    "age, urbanisation, income_wealth_quantile, education_lev, occupation, cust_breakdown, "
    "composite_breakdown, disability_status, activity, product"
)


def contract(minimum: int, kind: str = "integer", **more) -> str:
    """A contract as ``landing.source`` keeps it: one measure of ``kind``, a minimum of respondents."""
    return json.dumps(
        {
            "title": {"en": "A census"},
            "custodian": "Bureau",
            "licence": "CC-BY-4.0",
            "provenance": "The bureau's tables",
            "synthetic": False,
            "columns": {"total": {"type": kind, "role": "measure"}},
            "disclosure": {"minimum_respondents": minimum, "reason": "test"},
        }
        | more
    )


def declare(engine, source: str, text: str, series: dict[str, str]) -> None:
    """Register ``source`` with its contract and the roles of its series' measure."""
    escaped = text.replace("'", "''")
    run(
        engine,
        "insert into landing.source (source_id, contract, contract_sha256) "
        f"values ('{source}', '{escaped}', 'x') "
        "on conflict (source_id) do update set contract = excluded.contract",
        f"delete from landing.series_mapping where source_id = '{source}'",
        *(
            f"insert into landing.series_mapping (source_id, series_code, role, measure) "
            f"values ('{source}', '{code}', '{role}', 'total')"
            for code, role in series.items()
        ),
    )


def build_country(engine, *, units: int = 12, years: int = 2, factor: int = 1) -> None:
    """Build candidate marts: a count by sex and a share, of a country, a district and its local units."""
    build(
        engine,
        "place",
        f"""
        select place_id, code as place_code, 'Place, "' || code || '"' as place_name,
            null::text as place_name_ne, level as place_level, 'NP-2017' as place_vintage, parent_id
        from (values
            ('NP-2017:country:NP', 'NP', 'country', null),
            ('NP-2017:district:1', '1', 'district', 'NP-2017:country:NP')
        ) p (place_id, code, level, parent_id)
        union all
        select 'NP-2017:local_unit:' || n, n::text,
            case when n = 103 then '=Danger' else 'Unit ' || n end, null, 'local_unit',
            'NP-2017', 'NP-2017:district:1'
        from generate_series(100, 99 + {units}) n
        """,
        "place_id",
    )
    build(
        engine,
        "indicator",
        """
        select * from (values
            ('NP_POP', 'NP-17.18', 17, 'Population', 'जनसंख्या', 'People counted, "de jure".', 'Persons'),
            ('NP_TOILET', '6.2.1', 6, 'Households without a toilet', null, 'Share of households.', 'Percent')
        ) i (series_code, indicator_code, goal, title, title_ne, definition, unit_title)
        """,
        "series_code",
    )
    select = f"""
        select md5(series_code || place_id || period || sex)::uuid as observation_key, series_code,
            case series_code when 'NP_POP' then 'NP-17.18' else '6.2.1' end as indicator_code,
            case series_code when 'NP_POP' then 17 else 6 end as goal,
            place_id, place_code, place_name, place_level, place_vintage, period,
            make_date(period::integer, 1, 1) as period_start,
            make_date(period::integer, 12, 31) as period_end, period as time_detail, sex,
            {", ".join(f"'_T' as {name}" for name in DIMENSIONS.split(", "))},
            case series_code when 'NP_POP' then total else 100 * part / total end as value,
            case series_code when 'NP_POP' then null else part end as numerator,
            case series_code when 'NP_POP' then null else total end as denominator,
            case series_code when 'NP_POP' then 'PERSONS' else 'PERCENT' end as unit,
            null::double precision as se, null::double precision as cv, null::double precision as ci_low,
            null::double precision as ci_high, null::bigint as n,
            null::double precision as deff, null::text as quality_band, null::text as quality_rule,
            case series_code when 'NP_POP' then 'census' else 'survey' end as source_id,
            place_level as source_level, 'observed' as geo_method, 0::numeric as split_share,
            0::double precision as geo_se, 'A' as obs_status,
            case when place_code = '101' then '=1+1, "x"' end as comment
        from (
            select s.series_code, s.sex, p.*, y.period,
                (hashtext(p.place_id) & 1023)::numeric * {factor}
                    * case s.sex when '_T' then 2 else 1 end
                    + case s.sex when 'M' then 0 else 100 end as total,
                (hashtext(p.place_id || y.period) & 63)::numeric + 7 as part
            from candidate.place p
            cross join (values ('NP_POP', '_T'), ('NP_POP', 'F'), ('NP_POP', 'M'), ('NP_TOILET', '_T'))
                s (series_code, sex)
            cross join (select (2010 + n)::text as period from generate_series(1, {years}) n) y
        ) f
    """
    build(engine, "observation", select, "observation_key")
    build(engine, "indicator_series", "select * from candidate.observation", "observation_key")
    run(
        engine,
        "comment on column candidate.observation.value is 'The figure, in the series'' unit.'",
        "comment on column candidate.place.place_code is 'Code within level and vintage.'",
    )


def publish_country(engine, *, minimum: int = 0, **options) -> int:
    """Build and publish the country, with both sources' minimum of respondents; return the publication."""
    build_country(engine, **options)
    declare(engine, "census", contract(minimum), {"NP_POP": "value"})
    declare(
        engine,
        "survey",
        contract(minimum, synthetic=True, licence="Terms of the ministry", title={"en": "A survey"}),
        {"NP_TOILET": "numerator"},
    )
    return publish(engine, run_id="test", code_version="abc").publication_id
