-- What releases need besides the bookkeeping tables. Applied by prepare() and write() when it is missing.

alter table release.release add column if not exists inputs_sha256 text;

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

-- The cells of the newest release, as they stand in its files.
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

create or replace view open_data.release as
select release_id, publication_id, status, released_at, folder, manifest_sha256, datasets, cells, cells_suppressed
from release.release
where status in ('released', 'withdrawn');

create or replace view open_data.observation as
select * from release.cell
where release_id = (select max(release_id) from release.release where status = 'released');

create or replace view open_data.dataset as
select * from release.dataset
where release_id = (select max(release_id) from release.release where status = 'released');

comment on view open_data.release is 'Releases that are out, or were and are withdrawn.';
comment on view open_data.observation is 'Cells of the newest release; left-out cells have no value.';
comment on view open_data.dataset is 'Datasets (series) of the newest release.';
