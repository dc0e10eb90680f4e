"""Small candidate marts for the tests of publication, made as dbt makes them: dropped and built anew."""

from sqlalchemy import Engine, text

FIGURES = """
    select md5(series_code || ' ' || place_code || ' ' || period)::uuid as observation_key, series_code,
        place_code, period, (n * {factor})::numeric as value,
        case when n % 7 = 0 then null else 'A' end as obs_status,
        jsonb_build_object('n', n) as details, {stamp} as stamp
    from (
        select 'S' || s as series_code, 'P' || p as place_code, (2000 + y)::text as period,
            s * 10000 + p * 10 + y as n
        from generate_series(1, 5) s, generate_series(1, {places}) p, generate_series(0, 4) y
    ) figure
"""


def run(engine: Engine, *statements: str) -> None:
    """Execute ``statements`` in one transaction."""
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def query(engine: Engine, statement: str) -> list[tuple]:
    """Return the rows of ``statement``."""
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def build(engine: Engine, mart: str, select: str, key: str) -> None:
    """Build ``candidate.<mart>`` anew from ``select`` with primary key ``key``."""
    run(
        engine,
        "create schema if not exists candidate",
        f"drop table if exists candidate.{mart} cascade",
        f"create table candidate.{mart} as {select}",
        f"alter table candidate.{mart} add primary key ({key})",
    )


def build_observation(engine: Engine, *, stamp: int = 1, places: int = 20, factor: int = 1) -> None:
    """Build ``candidate.observation``: 5 series × ``places`` × 5 years, every row stamped with ``stamp``."""
    build(engine, "observation", FIGURES.format(stamp=stamp, places=places, factor=factor), "observation_key")


def build_profile(engine: Engine, *, stamp: int = 1, places: int = 20) -> None:
    """Build ``candidate.place_profile``, a second mart, with a key of two columns."""
    select = FIGURES.format(stamp=stamp, places=places, factor=1)
    build(
        engine,
        "place_profile",
        "select place_code, series_code, sum(value) as value, max(stamp) as stamp "
        f"from ({select}) f group by 1, 2",
        "place_code, series_code",
    )
