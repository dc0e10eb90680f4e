-- Bookkeeping tables of the warehouse. Idempotent: run at every set-up, by the engineer role.
-- What dbt builds (reference, places, staging, harmonised, candidate) is not here.

create schema if not exists landing;
create schema if not exists raw;
create schema if not exists places;
create schema if not exists quality;
create schema if not exists publication;
create schema if not exists published;
create schema if not exists marts;
create schema if not exists release;
create schema if not exists open_data;

-- One row a contract, as it was last registered.
create table if not exists landing.source (
    source_id text primary key,
    contract jsonb not null,
    contract_sha256 text not null,
    registered_at timestamptz not null default now()
);

-- Which measure and category of a source feeds which series, compiled from the contracts.
create table if not exists landing.series_mapping (
    source_id text not null references landing.source on delete cascade,
    series_code text not null,
    role text not null check (role in ('numerator', 'denominator', 'value')),
    measure text not null,
    categories jsonb not null default '{}',   -- {"toilet_type": "NO_TOILET"}: rows that have all of these
    breakdown jsonb not null default '{}'     -- {"sex": {"column": "sex", "codes": {"female": "F", "male": "M"}}}
);

-- Every look at a source, also those that brought nothing new or failed.
create table if not exists landing.fetch (
    fetch_id bigint generated always as identity primary key,
    source_id text not null,
    fetched_at timestamptz not null default now(),
    fetched_by text not null,
    fetched_from text not null,
    outcome text not null check (outcome in ('new', 'unchanged', 'failed')),
    sha256 text,
    size_bytes bigint,
    message text,
    run_id text
);

create table if not exists landing.delivery (
    delivery_id bigint generated always as identity primary key,
    source_id text not null,
    sha256 text not null,
    size_bytes bigint not null,
    file_name text not null,
    archive_key text not null,
    fetched_from text not null,
    fetched_by text not null,
    fetched_at timestamptz not null default now(),
    -- archived: bytes kept; loaded: rows in raw; accepted: passed its raw gate; held_back: failed it;
    -- rejected: could not be read.
    status text not null default 'archived'
        check (status in ('archived', 'loaded', 'accepted', 'held_back', 'rejected')),
    reason text,
    rows_read bigint,
    rows_loaded bigint,
    rows_quarantined bigint,
    contract_sha256 text,
    code_version text,
    loaded_at timestamptz,
    judged_at timestamptz,
    unique (source_id, sha256)
);

-- The delivery of each source that the marts are built from: the one accepted last. It is not always the one with the
-- highest number: a source may go back to an earlier delivery.
create or replace view landing.current_delivery as
select distinct on (source_id) *
from landing.delivery
where status = 'accepted'
order by source_id, judged_at desc, delivery_id desc;

-- The newest delivery of each source that was judged after the one in use, and not accepted.
create or replace view landing.refused_delivery as
select distinct on (refused.source_id) refused.*
from landing.delivery as refused
left join landing.current_delivery as in_use on in_use.source_id = refused.source_id
where
    refused.status in ('held_back', 'rejected')
    and (in_use.judged_at is null or refused.judged_at > in_use.judged_at)
order by refused.source_id, refused.judged_at desc, refused.delivery_id desc;

-- Each distinct reference of a source to a place, resolved. Empty strings, never null, in the key.
create table if not exists places.place_reference (
    source_id text not null,
    place_scheme text not null,
    place_level text not null,
    place_code text not null,
    place_name text not null,
    place_parent text not null,
    place_id text,                            -- null: not resolved, waits for review
    method text not null,                     -- exact_code, alias, normalised_name, fuzzy, decision, unresolved
    score double precision,
    margin double precision,
    candidates jsonb not null default '[]',
    primary key (source_id, place_scheme, place_level, place_code, place_name, place_parent)
);

-- The registry of places (a hash of its seeds and code) that a source's references were resolved with.
create table if not exists places.resolution (
    source_id text primary key,
    registry_sha256 text not null,
    resolved_at timestamptz not null default now()
);

-- The periods that sources name, by the label they use. Filled when a delivery is loaded; a label that is no period
-- of the source's type is not here.
create table if not exists landing.period (
    source_id text not null,
    label text not null,
    period_type text not null check (period_type in ('year', 'quarter', 'fiscal_year', 'fiscal_year_bs')),
    period text not null,                     -- SDMX time period; of a fiscal year the year in which it begins
    period_start date not null,
    period_end date not null,
    time_detail text not null,                -- the label as a reader knows it: 2071/72
    primary key (source_id, label)
);

-- What a delivery of microdata holds, by type of record and by column: numbers of rows, and no value of a personal
-- identifier. Only the engineer reads this schema. ``first_…``: row in the file of the first such row.
create table if not exists landing.record_profile (
    delivery_id bigint not null references landing.delivery on delete cascade,
    record text not null,
    parent text,
    file_name text,
    rows bigint not null,
    unreadable bigint not null,
    first_unreadable bigint,
    duplicate_keys bigint not null,           -- rows beyond the first of their key
    first_duplicate_key bigint,
    orphans bigint not null,                  -- rows without a row of the parent
    first_orphan bigint,
    childless jsonb not null default '{}',    -- {"person": {"rows": 3, "first_row": 17}}: rows without any of it
    primary key (delivery_id, record)
);

create table if not exists landing.column_profile (
    delivery_id bigint not null references landing.delivery on delete cascade,
    record text not null,
    column_name text not null,
    position integer not null,
    role text not null,
    type text not null,
    rows bigint not null,
    missing bigint,                           -- null: a personal identifier that is not kept
    first_missing bigint,
    distinct_values bigint,
    minimum text,
    maximum text,
    out_of_code_list bigint not null,
    first_out_of_code_list bigint,
    out_of_range bigint not null,             -- below the contract's minimum or above its maximum
    first_out_of_range bigint,
    unreadable bigint not null,
    first_unreadable bigint,
    primary key (delivery_id, record, column_name)
);

-- The codes of microdata and their labels, as the last delivery and the contract have them.
create table if not exists landing.code_list (
    source_id text not null,
    column_name text not null,
    code text not null,
    language text not null,
    label text not null,
    position integer not null,
    delivery_id bigint not null,
    primary key (source_id, column_name, code, language)
);

-- Rows held out at reading, with the reason; rows that could not be placed or mapped are added by dbt in
-- quality.quarantine.
create table if not exists quality.quarantined_row (
    source_id text not null,
    delivery_id bigint not null,
    row_number bigint not null,
    stage text not null check (stage in ('read', 'defect')),
    column_name text,
    reason text not null,
    content jsonb not null
);
create index if not exists quarantined_row_delivery on quality.quarantined_row (delivery_id);

create table if not exists quality.gate_run (
    gate_run_id bigint generated always as identity primary key,
    gate text not null check (gate in ('raw', 'marts', 'release')),
    subject text not null,                    -- source_id, or 'marts', or 'release'
    delivery_id bigint,
    run_id text,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    passed boolean not null,
    expectations integer not null,
    failed integer not null,                  -- expectations of severity fail that were not met
    warned integer not null,                  -- expectations of severity warn that were not met
    page text                                 -- address of the Great Expectations page, relative to the report
);
-- Parts (source × series × period) that it held back while the rest went on; 0: all of it passed, or none of it.
alter table quality.gate_run add column if not exists parts_held_back integer not null default 0;
-- Digest of the suites' files that it judged by; null: not recorded.
alter table quality.gate_run add column if not exists suites_sha256 text;

create table if not exists quality.expectation_result (
    gate_run_id bigint not null references quality.gate_run on delete cascade,
    position integer not null,
    suite text not null,
    table_name text not null,
    expectation_type text not null,
    column_name text,
    dimension text not null,                  -- structure, completeness, accuracy, coherence, timeliness, comparability
    severity text not null check (severity in ('fail', 'warn')),
    owner text,
    description text not null,
    passed boolean not null,
    rows_checked bigint,
    rows_unexpected bigint,
    observed text,
    examples jsonb not null default '[]',
    message text,
    primary key (gate_run_id, position)
);

-- What failed a gate and is not published, at the smallest whole that makes sense: source × series × period. One row
-- for each expectation that it failed. In force while lifted_at is empty.
create table if not exists quality.held_back (
    held_back_id bigint generated always as identity primary key,
    -- part: the rest of the delivery is published; delivery: the whole delivery is held back, and what was published
    -- of the part before stands, as of an earlier delivery.
    extent text not null check (extent in ('part', 'delivery')),
    source_id text not null,
    series_code text not null,
    period text not null,                     -- SDMX time period
    delivery_id bigint not null,
    gate text not null check (gate in ('raw', 'marts')),
    gate_run_id bigint references quality.gate_run on delete set null,
    expectation_type text,                    -- null: the gate itself could not judge
    expectation text not null,                -- its description
    dimension text,
    reason text not null,                     -- what was found, for a person
    owner text,
    rows bigint,                              -- rows at fault that feed the part: of the delivery, or of the mart
    places bigint,                            -- places that they are of
    since timestamptz not null default now(), -- the part is held back without a break since
    held_back_at timestamptz not null default now(),
    on_trial boolean not null default false,  -- marts: what it rests on has changed, the next judgement decides
    rests_on text,                            -- marts: digest of the inputs that the part rests on
    lifted_at timestamptz,
    lifted_by text                            -- what ended it, for a person
);
-- Lifted because the same delivery was judged again: it says nothing of that delivery any more.
alter table quality.held_back add column if not exists judged_again boolean not null default false;
create index if not exists held_back_part on quality.held_back (source_id, series_code, period);

comment on table quality.held_back is
    'Parts (source, series, period) that failed a gate, one row for each expectation; in force while not lifted.';

-- The figures of the parts in force as they were last published with a value.
create table if not exists publication.last_good_value (
    mart text not null,
    observation_key uuid not null,
    source_id text not null,
    series_code text not null,
    period text not null,
    place_id text not null,
    value numeric not null,
    publication_id integer not null,          -- the last that showed this value
    delivery_id bigint,                       -- that it was made from; null: not recorded
    delivery_sha256 text,
    content jsonb not null,                   -- the whole row of the mart
    primary key (mart, observation_key)
);
alter table publication.last_good_value add column if not exists delivery_sha256 text;

create or replace view quality.held_back_now as
select
    part.*,
    coalesce(good.figures, 0) as last_good_figures,
    good.places as last_good_places,
    good.publication_id as last_good_publication,
    good.delivery_id as last_good_delivery
from (
    select
        extent, source_id, series_code, period, delivery_id,
        string_agg(distinct gate, ', ' order by gate) as gates,
        max(gate_run_id) as gate_run_id,
        count(*) as expectations,
        string_agg(distinct expectation, '; ' order by expectation) as expectation,
        string_agg(distinct dimension, ', ' order by dimension) as dimensions,
        string_agg(distinct reason, '; ' order by reason) as reason,
        string_agg(distinct owner, ', ' order by owner) as owner,
        max(rows) as rows,
        max(places) as places,
        min(since) as since,
        max(held_back_at) as held_back_at
    from quality.held_back
    where lifted_at is null
    group by extent, source_id, series_code, period, delivery_id
) as part
left join (
    select
        source_id, series_code, period, count(*) as figures, count(distinct place_id) as places,
        max(publication_id) as publication_id, max(delivery_id) as delivery_id
    from publication.last_good_value
    where mart = 'observation'
    group by source_id, series_code, period
) as good on good.source_id = part.source_id and good.series_code = part.series_code and good.period = part.period;

comment on view quality.held_back_now is
    'Parts that are held back now, one row a part and delivery, with reason, owner, rows at fault and last good figures.';

-- One row a publication. Its rows in published.* are invisible until the pointer names it.
create table if not exists publication.publication (
    publication_id integer primary key,
    status text not null check (status in ('writing', 'published')),
    started_at timestamptz not null default now(),
    published_at timestamptz,
    code_version text,
    run_id text
);

-- The one row that every reader's view looks at.
create table if not exists publication.pointer (
    only_row boolean primary key default true check (only_row),
    publication_id integer not null default 0
);
insert into publication.pointer default values on conflict do nothing;

create table if not exists publication.mart_change (
    publication_id integer not null references publication.publication,
    mart text not null,
    rows_added bigint not null,
    rows_changed bigint not null,
    rows_removed bigint not null,
    primary key (publication_id, mart)
);

create table if not exists release.release (
    release_id integer primary key,
    publication_id integer not null,
    status text not null check (status in ('writing', 'released', 'withdrawn')),
    created_at timestamptz not null default now(),
    released_at timestamptz,
    folder text not null,
    manifest_sha256 text,
    datasets integer,
    cells bigint,
    cells_suppressed bigint
);

-- Completed builds of the marts, with the fingerprint of what they were built from.
create table if not exists publication.build (
    build_id bigint generated always as identity primary key,
    inputs text not null,
    publication_id integer not null,
    changed boolean not null,
    run_id text,
    finished_at timestamptz not null default now()
);

-- One row a drill: the newest backup was brought back on a scratch server and compared with the original.
create table if not exists quality.restore_drill (
    drill_id bigint generated always as identity primary key,
    began_at timestamptz not null,
    finished_at timestamptz not null default now(),
    backup text,
    recovered_to timestamptz,
    publication_id integer,
    compared jsonb not null,
    passed boolean not null,
    message text
);

-- What the marts are built from, part by part: of the last look (by fingerprint), and of each completed build.
-- kind: delivery, contract, place_reference, place_decision, place_registry, crosswalk, metadata, code.
create table if not exists publication.input (
    inputs text not null,
    kind text not null,
    name text not null,
    digest text not null,
    detail jsonb not null default '{}',       -- metadata by series: {"rows": {"NP_POP": "<digest>"}}; code: {"version"}
    primary key (inputs, kind, name)
);

create table if not exists publication.build_input (
    build_id bigint not null references publication.build on delete cascade,
    kind text not null,
    name text not null,
    digest text not null,
    detail jsonb not null default '{}',
    primary key (build_id, kind, name)
);

-- The warehouse run that is at work, one row; its steps come in processes of their own.
create table if not exists publication.warehouse_run (
    only_row boolean primary key default true check (only_row),
    owner text,                               -- null: none
    since timestamptz,
    seen_at timestamptz,
    overtaken text                            -- the run that stopped without a word, and that owner took over from
);
-- By which others see whether it lives: where its processes are, the one that brings its next step, that of the step at
-- work (null: between two steps), and the name of its database sessions.
alter table publication.warehouse_run
    add column if not exists place text,
    add column if not exists keeper text,
    add column if not exists step text,
    add column if not exists sessions text;
insert into publication.warehouse_run default values on conflict do nothing;

-- What each publication changed, figure by figure, and why. The first publication of a mart is not copied here: its
-- rows are read where they lie, by the function.
create table if not exists publication.revision_cell (
    publication_id integer not null,
    mart text not null,
    change text not null check (change in ('added', 'changed', 'removed')),
    reason text not null,                     -- the first of the reasons
    reasons text[] not null,
    why text not null,
    series_code text,
    place_id text,
    period text,
    source_id text,
    key jsonb not null,
    before jsonb,
    after jsonb,
    value_before numeric,
    value_after numeric
);
create index if not exists revision_cell_series on publication.revision_cell (publication_id, mart, series_code);

create table if not exists publication.revision_first (
    publication_id integer not null,
    mart text primary key,
    key_columns text[] not null
);

create table if not exists publication.revision_recorded (
    publication_id integer primary key,
    recorded_at timestamptz not null default now()
);

create or replace function publication.first_cells(wanted_mart text, wanted_publication integer, key_columns text[])
returns table (key jsonb, content jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $body$
begin
    return query execute
        'select (select jsonb_object_agg(k, r.content -> k) from unnest($2) k), r.content from ('
        || 'select to_jsonb(t) - ''_row_hash'' - ''published_from'' - ''published_to'' as content '
        || 'from published.' || quote_ident(wanted_mart) || ' t where published_from + 0 = $1) r'
        using wanted_publication, key_columns;
end
$body$;

create or replace view quality.revision as
select
    publication_id, mart, change, reason, reasons, why, series_code, place_id, period, source_id, key, before, after,
    value_before, value_after, value_after - value_before as difference
from publication.revision_cell
union all
select
    first.publication_id, first.mart, 'added', 'new mart', array['new mart'], 'first publication of the mart',
    cell.content ->> 'series_code', cell.content ->> 'place_id', cell.content ->> 'period',
    cell.content ->> 'source_id', cell.key, null, cell.content, null,
    case when jsonb_typeof(cell.content -> 'value') = 'number' then (cell.content ->> 'value')::numeric end, null
from publication.revision_first as first
cross join lateral publication.first_cells(first.mart, first.publication_id, first.key_columns) as cell;

comment on view quality.revision is
    'What each publication changed in the marts, figure by figure, and why. Filter by publication_id.';

-- The same, counted: by mart, series, source, change and reason, with the largest change of a value.
create table if not exists quality.revision_summary (
    publication_id integer not null,
    mart text not null,
    series_code text,
    source_id text,
    change text not null,
    reason text not null,
    why text not null,
    cells bigint not null,
    largest_difference numeric,               -- the change of value that is largest in size, and its share of before
    largest_share double precision,
    example_place_id text,                    -- where that is
    example_period text
);
create index if not exists revision_summary_publication on quality.revision_summary (publication_id);

comment on table quality.revision_summary is
    'Changes of each publication, counted by mart, series, source, kind of change and reason.';

-- Rows in and rows quarantined of each source as the marts were judged, noted by the quality report: the quarantine
-- itself has the newest run alone. Kept for the trend.
create table if not exists quality.quarantined_by_run (
    gate_run_id bigint not null references quality.gate_run on delete cascade,   -- of the marts
    source_id text not null,
    rows_in bigint,
    rows_quarantined bigint,
    primary key (gate_run_id, source_id)
);
