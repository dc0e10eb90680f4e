"""What each role may really do in a warehouse, compared with what ``privileges.yml`` declares."""

from pathlib import Path

import yaml
from psycopg import Connection
from psycopg.rows import namedtuple_row

DECLARATION = Path(__file__).with_name("privileges.yml")
ENGINEER = "statloom_engineer"
EVERYBODY = "public"

# Effective rights, also those that come from PUBLIC or from a role that one is a member of.
_HELD = """
    with role as (
        select rolname::text as role, oid from pg_roles where rolname = any(%(roles)s)
        union all select 'public', 0
    ),
    ours as (
        select oid, nspname::text as schema from pg_namespace
        where nspname !~ '^pg_' and nspname <> 'information_schema'
    )
    select role, 'schema' as kind, schema, schema as name, privilege
    from ours cross join role cross join unnest(array['USAGE', 'CREATE']) as privilege
    where has_schema_privilege(role.oid, ours.oid, privilege)
    union all
    select role, 'relation', schema, relname::text, privilege
    from pg_class c join ours on ours.oid = c.relnamespace cross join role
    cross join unnest(
        array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
    ) as privilege
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and has_table_privilege(role.oid, c.oid, privilege)
    union all
    select role, 'column', schema, relname || '.' || attname, privilege
    from pg_attribute a join pg_class c on c.oid = a.attrelid join ours on ours.oid = c.relnamespace
    cross join role
    cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) as privilege
    where a.attnum > 0 and not a.attisdropped and a.attacl is not null
        and has_column_privilege(role.oid, c.oid, a.attnum, privilege)
    union all
    select role, 'sequence', schema, relname::text, privilege
    from pg_class c join ours on ours.oid = c.relnamespace cross join role
    cross join unnest(array['USAGE', 'SELECT', 'UPDATE']) as privilege
    where c.relkind = 'S' and has_sequence_privilege(role.oid, c.oid, privilege)
    union all
    select role, 'function', schema, p.oid::regprocedure::text, 'EXECUTE'
    from pg_proc p join ours on ours.oid = p.pronamespace cross join role
    where has_function_privilege(role.oid, p.oid, 'EXECUTE')
    union all
    select role, 'database', '', current_database()::text, privilege
    from role cross join unnest(array['CONNECT', 'CREATE', 'TEMPORARY']) as privilege
    where has_database_privilege(role.oid, current_database(), privilege)
"""
_RELATIONS = """
    select nspname::text as schema, relname::text as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_' and nspname <> 'information_schema'
"""
_UNSAFE = """
    select p.oid::regprocedure || ' runs with its owner''s rights without a search_path of its own' as problem
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where prosecdef and nspname !~ '^pg_' and nspname <> 'information_schema'
        and not exists (select from unnest(proconfig) as setting where setting like 'search_path=%%')
    union all
    select format('%%s is %%s', rolname, string_agg(attribute, ', ' order by attribute))
    from pg_roles
    cross join lateral (values
        ('superuser', rolsuper), ('allowed to make databases', rolcreatedb),
        ('allowed to make roles', rolcreaterole), ('allowed to pass by row security', rolbypassrls),
        ('allowed to copy the cluster', rolreplication and rolname <> 'statloom_backup')
    ) as held (attribute, has)
    where has and rolname = any(%(roles)s::text[] || %(engineer)s::text) group by rolname
    union all
    select format('%%s is a member of %%s', member.rolname, granted.rolname)
    from pg_auth_members m
    join pg_roles member on member.oid = m.member join pg_roles granted on granted.oid = m.roleid
    where member.rolname = any(%(roles)s::text[] || %(engineer)s::text)
    union all
    select format(
        '%%s.%%s is a view without security_barrier: conditions see what it leaves out', nspname, relname
    )
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relkind = 'v' and nspname = 'open_data'
        and not coalesce(reloptions @> '{security_barrier=true}', false)
    union all
    select format('%%s.%%s belongs to %%s', nspname, relname, pg_get_userbyid(relowner))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where nspname !~ '^pg_' and nspname <> 'information_schema' and pg_get_userbyid(relowner) = any(%(roles)s)
"""


def declared() -> dict:
    """Return the declaration: keys ``open, closed, functions, roles``."""
    return yaml.safe_load(DECLARATION.read_text(encoding="utf-8"))


def differences(connection: Connection, *, complete: bool = False) -> list[str]:
    """Return, one line each, where the rights in this database are not those declared; empty when they are.

    ``connection``: of any role that may enter it. ``complete``: everything has been built, so what is
    declared and not there is a difference too.
    """
    wanted = declared()
    known = {"roles": wanted["roles"], "engineer": ENGINEER}
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        relations = {(row.schema, row.name) for row in cursor.execute(_RELATIONS)}
        held = {tuple(row) for row in cursor.execute(_HELD, known)}
        present = {row.rolname for row in cursor.execute("select rolname::text from pg_roles")}
        database = cursor.execute("select current_database()::text as name").fetchone().name
        found = [row.problem for row in cursor.execute(_UNSAFE, known)]
    openings = {schema: set(opening["relations"]) for schema, opening in wanted["open"].items()}
    for schema, name in sorted(relations):
        if schema in openings and name not in openings[schema]:
            found.append(f"{schema}.{name} is not declared: say in {DECLARATION.name} that it may be read")
        elif schema not in openings and schema not in wanted["closed"]:
            found.append(f"schema {schema} (of {name}) is not declared in {DECLARATION.name}")
    should = _wanted(wanted, relations, database, present)
    if complete:
        missing = {(schema, name) for schema, names in openings.items() for name in names} - relations
        found += [f"{schema}.{name} is declared and not there" for schema, name in sorted(missing)]
    found += [f"{_said(entry)}, which is not declared" for entry in sorted(held - should)]
    found += [f"not: {_said(entry)}, which is declared" for entry in sorted(should - held)]
    return found


def _wanted(wanted: dict, relations: set, database: str, present: set[str]) -> set[tuple]:
    entries = set()
    for schema, opening in wanted["open"].items():
        reader = opening["reader"]
        entries.add((reader, "schema", schema, schema, "USAGE"))
        entries.add((reader, "database", "", database, "CONNECT"))
        entries |= {
            (reader, "relation", schema, name, "SELECT")
            for name in opening["relations"]
            if (schema, name) in relations
        }
    for function, callers in wanted["functions"].items():
        schema = function.split(".")[0]
        entries |= {
            (caller, "function", schema, function.replace(", ", ","), "EXECUTE") for caller in callers
        }
    return {entry for entry in entries if entry[0] in present}


def _said(entry: tuple) -> str:
    role, kind, schema, name, privilege = entry
    shown = f"{schema}.{name}" if kind in ("relation", "column", "sequence") else name
    return f"{role} may {privilege} on {kind} {shown}"


def as_markdown() -> str:
    """Return the declaration as a table for ``docs/security.md``."""
    wanted = declared()
    lines = ["| schema | who reads it | tables and views |", "| --- | --- | --- |"]
    lines += [
        f"| `{schema}` | `{opening['reader']}` | {', '.join(f'`{name}`' for name in opening['relations'])} |"
        for schema, opening in wanted["open"].items()
    ]
    lines += [f"| `{schema}` | nobody | all |" for schema in wanted["closed"]]
    return "\n".join(lines) + "\n"
