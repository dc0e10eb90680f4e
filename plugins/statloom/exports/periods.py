"""Periods, as releases write them."""

# SDMX frequency of a column ``period``, in the SQL of PostgreSQL and DuckDB alike.
FREQUENCY = (
    "case when period like '%-Q%' then 'Q' when period like '%-S%' then 'S' when period like '%-W%' then 'W' "
    "when length(period) = 4 then 'A' when length(period) = 7 then 'M' else 'D' end"
)
