"""What is held back, part by part (source × series × period), in ``quality.held_back``.

A part stays held back until a later delivery of its source is judged without it, or, at the gate of the
marts, until what it rests on has changed and it is judged again. Its last good values are kept in
``publication.last_good_value``.
"""

# ruff: noqa: S608  (what is put into these statements are constants of this module)

import json
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, Engine, text

from statloom.quality.gates import GateResult, HeldBack
from statloom.quality.parts import Part

NOT_JUDGED = "The delivery can be judged"

_SAME_PART = "(source_id, series_code, period) = (:source_id, :series_code, :period)"

# What a part rests on: of its own inputs and of those of the other sources of its series, and of all that is
# no source's. What was held back of a source at its raw gate is one of its inputs.
_RESTS_ON = """
    select md5(string_agg(input.kind || '|' || input.name || '|' || input.digest, chr(10)
        order by input.kind, input.name))
    from publication.input as input
    where input.kind not in ('delivery', 'contract', 'place_reference', 'place_decision', 'held_back')
        or input.name in (
            select feeding.source_id from landing.series_mapping as feeding
            where feeding.series_code = part.series_code
        )
"""

_KEEP = f"""
insert into quality.held_back (extent, source_id, series_code, period, delivery_id, gate, gate_run_id,
    expectation_type, expectation, dimension, reason, owner, rows, places, since, rests_on)
select :extent, part.source_id, part.series_code, part.period,
    coalesce(:delivery_id, (select d.delivery_id from landing.current_delivery d
        where d.source_id = part.source_id), 0),
    :gate, :gate_run_id, part.expectation_type, part.expectation, part.dimension, part.reason, part.owner,
    part.rows, part.places,
    -- Without a break, whichever gate and delivery it was.
    coalesce((
        select min(before.since) from quality.held_back before
        where (before.source_id, before.series_code, before.period)
            = (part.source_id, part.series_code, part.period)
            and before.extent = :extent and coalesce(before.lifted_at, now()) >= now()
    ), now()),
    case when :gate = 'marts' then ({_RESTS_ON}) end
from jsonb_to_recordset(cast(:parts as jsonb)) as part (source_id text, series_code text, period text,
    rows bigint, places bigint, expectation_type text, expectation text, dimension text, reason text, owner text)
"""  # noqa: E501

# The rows of the marts that show a value now: the last good ones, once their part is held back.
_REMEMBER = """
insert into publication.last_good_value (mart, observation_key, source_id, series_code, period, place_id,
    value, publication_id, delivery_id, delivery_sha256, content)
select {mart}, good.observation_key, good.source_id, good.series_code, good.period, good.place_id, good.value,
    pointer.publication_id, made_from.delivery_id, made_from.sha256,
    to_jsonb(good) - '_row_hash' - 'published_from' - 'published_to'
from published.{table} as good
cross join publication.pointer
left join lateral (
    select (input.detail ->> 'delivery_id')::bigint as delivery_id, input.digest as sha256
    from publication.build
    join publication.build_input as input using (build_id)
    where input.kind = 'delivery' and input.name = good.source_id
        and build.publication_id <= pointer.publication_id
    order by build_id desc
    limit 1
) as made_from on true
where good.published_from <= pointer.publication_id
    and (good.published_to is null or good.published_to > pointer.publication_id)
    and good.value is not null
    and (good.source_id, good.series_code, good.period) in (
        select source_id, series_code, period from quality.held_back
        where lifted_at is null and extent = 'part'
    )
on conflict do nothing
"""
MARTS = ("observation", "former_observation")


def accepted(connection: Connection, delivery_id: int, result: GateResult) -> None:
    """Record that a delivery is accepted, but for the parts that ``result`` holds back.

    Whatever its source's earlier deliveries had held back is lifted by it.
    """
    _lift_of_source(connection, delivery_id, keep_parts=False)
    _keep(connection, result.held_back, "part", "raw", result.gate_run_id, delivery_id)


def refused(
    connection: Connection,
    delivery_id: int,
    parts: Iterable[Part],
    result: GateResult | None,
    *,
    reason: str,
    owner: str,
) -> None:
    """Record that a whole delivery is held back, with the ``parts`` that it would have brought.

    What is held back of the delivery in use stays so. ``result`` is None when the gate could not judge, for
    ``reason``; ``owner`` answers for the source.
    """
    parts = list(parts)
    if result is None:
        found = [
            HeldBack(**vars(p), expectation_type=None, expectation=NOT_JUDGED, dimension=None,
                     reason=reason.splitlines()[0][:500], owner=owner)
            for p in parts
        ]  # fmt: skip
    else:
        failures = result.failures or (
            {
                "expectation_type": None,
                "expectation": "The warnings are within their budget",
                "dimension": None,
                "reason": "; ".join(result.whole),
                "owner": owner,
            },
        )
        found = [HeldBack(**vars(part), **failure) for part in parts for failure in failures]
    _lift_of_source(connection, delivery_id, keep_parts=True)
    # It may have been in use: what is in use now is held back in part as it was then.
    connection.execute(
        text(
            "update quality.held_back h set lifted_at = null, lifted_by = null"
            " from landing.delivery refused join landing.current_delivery d using (source_id)"
            " where refused.delivery_id = :id and h.delivery_id = d.delivery_id and h.lifted_at is not null"
            " and h.gate = 'raw' and h.extent = 'part' and not h.judged_again"
        ),
        {"id": delivery_id},
    )
    _keep(connection, found, "delivery", "raw", result and result.gate_run_id, delivery_id)


def at_marts(engine: Engine, result: GateResult) -> list[HeldBack]:
    """Hold back the parts that the marts' gate found at fault; return those that were not held back yet."""
    with engine.begin() as connection:
        known = {
            tuple(row)
            for row in connection.execute(
                text(
                    "select source_id, series_code, period from quality.held_back"
                    " where lifted_at is null and extent = 'part' and not on_trial"
                )
            )
        }
        # Who answers for a source answers for its parts; the suite's owner has the expectation alone.
        owners = dict(
            connection.execute(text("select source_id, contract ->> 'owner' from landing.source"))
            .tuples()
            .all()
        )
        new = [
            replace(part, owner=owners.get(part.source_id) or part.owner)
            for part in result.held_back
            if (part.source_id, part.series_code, part.period) not in known
        ]
        if new:
            # Of parts on trial the verdict is there: the new rows stand for the old.
            _keep(connection, new, "part", "marts", result.gate_run_id, None)
            connection.execute(
                text(
                    "update quality.held_back h set lifted_at = now(), lifted_by = 'judged again: held back'"
                    " where h.on_trial and h.lifted_at is null and exists (select from quality.held_back n"
                    " where n.held_back_id > h.held_back_id and not n.on_trial and n.lifted_at is null"
                    " and (n.source_id, n.series_code, n.period) = (h.source_id, h.series_code, h.period))"
                )
            )
        return new


def put_on_trial(connection: Connection) -> int:
    """Let parts that the marts' gate held back be judged again where what they rest on has changed.

    Reads ``publication.input``: the inputs of the build that begins. Returns the number of rows.
    """
    return connection.execute(
        text(
            "update quality.held_back as part set on_trial = true"
            " where gate = 'marts' and lifted_at is null and not on_trial"
            f" and rests_on is distinct from ({_RESTS_ON})"
        )
    ).rowcount


def settle(engine: Engine) -> None:
    """Lift what was on trial and has passed the gate of the marts."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "update quality.held_back set lifted_at = now(), on_trial = false,"
                " lifted_by = 'it passed the gate of the marts' where on_trial and lifted_at is null"
            )
        )
        _forget(connection)


def withdraw(engine: Engine, gate_run_ids: list[int]) -> None:
    """Undo what the marts' gate held back in these judgements: publication is blocked all the same."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "update quality.held_back set lifted_at = now(), lifted_by = 'publication was blocked'"
                " where gate = 'marts' and gate_run_id = any (:runs) and lifted_at is null"
            ),
            {"runs": gate_run_ids},
        )


def remember_last_good(engine: Engine) -> None:
    """Keep the published values of the parts that are held back, and forget those of parts that are not."""
    with engine.begin() as connection:
        _forget(connection)
        anything = connection.scalar(
            text("select exists (select from quality.held_back where lifted_at is null and extent = 'part')")
        )
        for mart in MARTS if anything else ():
            there = connection.scalar(text("select to_regclass(:name)"), {"name": f"published.{mart}"})
            if there is not None:
                connection.execute(text(_REMEMBER.format(mart=f"'{mart}'", table=mart)))


def _forget(connection: Connection) -> None:
    """Drop the last good values of parts that are not held back any more."""
    connection.execute(
        text(
            "delete from publication.last_good_value g where not exists (select from quality.held_back h"
            " where h.lifted_at is null and h.extent = 'part'"
            " and (h.source_id, h.series_code, h.period) = (g.source_id, g.series_code, g.period))"
        )
    )


def described(parts: Iterable[HeldBack]) -> list[str]:
    """Return a line for each part and expectation, for a person."""
    return [
        f"held back: {p.source_id}, {p.series_code}, {p.period}: {p.expectation}: {p.reason}"
        + (f" (owner: {p.owner})" if p.owner else "")
        for p in parts
    ]


def _keep(
    connection: Connection,
    parts: Iterable[HeldBack],
    extent: str,
    gate: str,
    gate_run_id: int | None,
    delivery_id: int | None,
) -> None:
    parts = [vars(part) for part in parts]
    if parts:
        connection.execute(
            text(_KEEP),
            {
                "extent": extent,
                "gate": gate,
                "gate_run_id": gate_run_id,
                "delivery_id": delivery_id,
                "parts": json.dumps(parts, ensure_ascii=False),
            },
        )


def _lift_of_source(connection: Connection, delivery_id: int, *, keep_parts: bool) -> None:
    """Lift what the raw gate held back of the source of ``delivery_id``.

    ``keep_parts``: only whole deliveries, and what was held back of this very delivery.
    """
    connection.execute(
        text(
            "update quality.held_back h set lifted_at = now(), judged_again = h.delivery_id = d.delivery_id,"
            " lifted_by = case when h.delivery_id = d.delivery_id then 'judged again: delivery '"
            " else 'delivery ' end || d.delivery_id || ' (' || d.file_name || ')'"
            " from landing.delivery d where d.delivery_id = :id and h.source_id = d.source_id"
            " and h.gate = 'raw' and h.lifted_at is null"
            + (" and (h.extent = 'delivery' or h.delivery_id = :id)" if keep_parts else "")
        ),
        {"id": delivery_id},
    )
