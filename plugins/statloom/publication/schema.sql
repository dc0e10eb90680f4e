-- What the published marts need besides the bookkeeping tables. Applied by publish() when it is missing.

-- How the row hashes of each mart were made. They are made anew when columns or the server's version change.
create table if not exists publication.mart (
    mart text primary key,
    key_columns text[] not null,
    hash_basis text not null
);

-- Candidates whose rows are known to be those published, but for the rows noted since, each mart's in a table of
-- its own.
create table if not exists publication.candidate (
    mart text primary key,
    state text not null,                      -- the table, its file and its triggers
    hash_basis text not null
);

-- Trigger of the candidates; arguments: the mart, its table of notes, the columns of its key and all its columns,
-- as lists. A note is a row as it is now, or the key of one that is gone; the last note on a row counts.
create or replace function publication.note_rows() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $body$
declare
    notes text := 'insert into publication.' || quote_ident(tg_argv[1]);
    gone text := notes || ' (_statloom_gone, ' || tg_argv[2] || ') select true, ' || tg_argv[2] || ' from old_rows';
    written bigint;
begin
    if not exists (select from publication.candidate where mart = tg_argv[0]) then
        return null;
    end if;
    if pg_trigger_depth() > 1 then
        raise exception 'another trigger writes to this table: the order of the notes would not be that of the writing';
    end if;
    execute 'select count(*) from ' || case tg_op when 'DELETE' then 'old_rows' else 'new_rows' end into written;
    if written > (select greatest(1000, reltuples / 4) from pg_class where oid = tg_relid and reltuples > 0) then
        raise exception 'so many rows are faster compared';
    end if;
    if tg_op = 'DELETE' then
        execute gone;
    elsif tg_op = 'UPDATE' then
        execute gone || ' except select true, ' || tg_argv[2] || ' from new_rows';
    end if;
    if tg_op <> 'DELETE' then
        execute notes || ' (_statloom_gone, ' || tg_argv[3] || ') select false, ' || tg_argv[3] || ' from new_rows';
    end if;
    return null;
exception when others then
    -- What cannot be noted is no reason to refuse the writing: the next publication compares all rows.
    delete from publication.candidate where mart = tg_argv[0];
    return null;
end
$body$;

-- The publication that this transaction reads, one row. A transaction keeps the publication that was current when
-- it began, so that two statements in it never see two; the setting reads as of an older one.
create or replace view publication.current as
select
    least(
        nullif(current_setting('statloom.publication', true), '')::integer,
        coalesce(
            (
                select max(p.publication_id)
                from publication.publication p
                where p.published_at <= transaction_timestamp()
                    and p.publication_id <= (select publication_id from publication.pointer)
            ),
            0
        )
    ) as publication_id;
