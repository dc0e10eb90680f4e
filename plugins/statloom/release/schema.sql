-- What releases need besides the bookkeeping tables. Applied by prepare() and write() when it is missing.

alter table release.release add column if not exists inputs_sha256 text;
-- Public from this moment on; 9999-12-31: waits for an hour of the calendar. Null: public since it was released.
alter table release.release add column if not exists visible_from timestamptz;
alter table release.release add column if not exists withdrawn_at timestamptz;
alter table release.release add column if not exists withdrawn_reason text;
-- replaced: was under embargo when a later one was made, and never public.
alter table release.release drop constraint if exists release_status_check;
alter table release.release add constraint release_status_check
    check (status in ('writing', 'released', 'withdrawn', 'replaced'));

-- What prepare() prepared last, one row.
create table if not exists release.candidate (
    only_row boolean primary key default true check (only_row),
    publication_id integer not null,
    inputs_sha256 text not null,
    sources jsonb not null,
    run_id text,
    prepared_at timestamptz not null default now()
);
alter table release.candidate add column if not exists metadata jsonb not null default '{}';

-- The cells of the newest public release and of those under embargo, as they stand in their files.
create table if not exists release.cell (
    release_id integer not null,
    {cell_columns},
    primary key (release_id, observation_key)
);
alter table release.cell {cell_additions};
create index if not exists cell_series on release.cell (series_code, place_code, period);
create index if not exists cell_place on release.cell (place_code, series_code);

-- The datasets of every release.
create table if not exists release.dataset (
    release_id integer not null references release.release on delete cascade,
    {dataset_columns},
    primary key (release_id, series_code)
);
alter table release.dataset {dataset_additions};

-- One place that says what the public may see, for the views below.
create or replace view release.visible as
select * from release.release
where status in ('released', 'withdrawn') and coalesce(visible_from, released_at) <= now();

create or replace view open_data.release with (security_barrier = true) as
select release_id, publication_id, status, released_at, folder, manifest_sha256, datasets, cells, cells_suppressed,
    withdrawn_at, withdrawn_reason
from release.visible;

-- Behind a barrier: conditions of a reader must not see, and tell of, rows that are left out.
create or replace view open_data.observation with (security_barrier = true) as
select * from release.cell
where release_id = (select max(release_id) from release.visible where status = 'released');

create or replace view open_data.dataset with (security_barrier = true) as
select * from release.dataset
where release_id = (select max(release_id) from release.visible where status = 'released');

comment on view open_data.release is 'Releases that are out, or were and are withdrawn.';
comment on view open_data.observation is 'Cells of the newest release; left-out cells have no value.';
comment on view open_data.dataset is 'Datasets (series) of the newest release.';
