-- The ministry's database as it keeps it: offices under its own numbers, counts by school year.
create table education_office (
    office_id integer primary key,
    office_level text not null check (office_level in ('country', 'district')),
    office_name text not null,
    census_code text not null unique
);
create table school_year (
    school_year_id integer primary key,
    label_bs text not null unique,
    begins_on date not null
);
create table school_type (school_type_id integer primary key, school_type text not null unique);
create table teacher_type (teacher_type_id integer primary key, teacher_type text not null unique);
create table schools (
    school_year_id integer not null references school_year,
    office_id integer not null references education_office,
    school_type_id integer not null references school_type,
    schools integer not null check (schools >= 0),
    primary key (school_year_id, office_id, school_type_id)
);
create table teachers (
    school_year_id integer not null references school_year,
    office_id integer not null references education_office,
    teacher_type_id integer not null references teacher_type,
    teachers integer not null check (teachers >= 0),
    primary key (school_year_id, office_id, teacher_type_id)
);
