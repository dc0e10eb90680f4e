"""The largest contributions to each total, for the rules of dominance: never released.

They stand in columns of role ``contribution`` of the deliveries, and are followed to the observations that
their rows were added up to.
"""

# ruff: noqa: S608  names in these statements are constants or quoted

from sqlalchemy import Connection

from statloom.publication.sql import literal, quote, run

TABLE = "release.candidate_contribution"


def read(connection: Connection, observations: str = "marts.observation") -> None:
    """Write the largest contributions to the observations of sources that declare them.

    ``release.candidate_contribution`` has ``observation_key`` and ``contributions``, the largest first, as
    many as the contract has columns. An observation that was carried from places of another vintage has no
    row: how its contributors lie is not known.
    """
    run(connection, f"drop table if exists {TABLE} cascade")
    run(
        connection,
        f"create table {TABLE} (observation_key uuid primary key, contributions double precision[] not null)",
    )
    sources = run(
        connection,
        "select source_id, array_agg(c.key order by c.key) as columns "
        "from landing.source, jsonb_each(contract -> 'columns') c "
        "where c.value ->> 'role' = 'contribution' group by source_id order by source_id",
    ).all()
    there = run(connection, "select to_regclass('harmonised.placed_row') is not null").scalar_one()
    for source_id, columns in sources if there else ():
        run(connection, _insert(source_id, columns, observations))


def _insert(source_id: str, columns: list[str], observations: str) -> str:
    listed = ", ".join(f"r.{quote(name)}::double precision" for name in columns)
    return f"""
        insert into {TABLE}
        with recursive within as (
            select place_id, place_id as whole from marts.place
            union
            select w.place_id, p.parent_id from within w join marts.place p on p.place_id = w.whole
            where p.parent_id is not null
        ),
        own as (
            select o.observation_key, array[{listed}] as contributions
            from raw.{quote(source_id)} r
            join harmonised.placed_row d on d.delivery_id = r._delivery_id and d.row_number = r._row_number
            join harmonised.category_link k on k.category_id = d.category_id and k.role <> 'denominator'
            join harmonised.cell c on c.cell_id = k.cell_id
            join harmonised.track t on t.track_id = d.track_id and t.source_id = {literal(source_id)}
            join harmonised.place_number n on n.place_number = d.place_number
            join within w on w.place_id = n.place_id
            join {observations} o on o.source_id = t.source_id and o.source_level = t.source_level
                and o.period = t.period and o.series_code = c.series_code and o.place_id = w.whole
                and o.sex = c.sex and o.age = c.age and o.urbanisation = c.urbanisation
                and o.income_wealth_quantile = c.income_wealth_quantile
                and o.education_lev = c.education_lev and o.occupation = c.occupation
                and o.cust_breakdown = c.cust_breakdown and o.composite_breakdown = c.composite_breakdown
                and o.disability_status = c.disability_status and o.activity = c.activity
                and o.product = c.product
        ),
        ranked as (
            select observation_key, amount,
                row_number() over (partition by observation_key order by amount desc) as place
            from own, unnest(contributions) amount where amount is not null
        )
        select observation_key, array_agg(amount order by place)
        from ranked where place <= {len(columns)} group by observation_key
    """
