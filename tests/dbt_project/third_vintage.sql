-- An older boundary edition, by rows of seeds alone: East of two districts of 2011, South of one. Of today's districts
-- only Taplejung leads there: three quarters of its people to East, one to West.
insert into places.place_vintage values ('NP-1990', 'an older edition', '1990-01-01', '2001-01-01', false);

insert into places.place (place_id, place_vintage, place_level, place_name, parent_id, is_statistical)
values
    ('NP-1990:country:N', 'NP-1990', 'country', 'Nepal', null, true),
    ('NP-1990:district:E', 'NP-1990', 'district', 'East', 'NP-1990:country:N', true),
    ('NP-1990:district:S', 'NP-1990', 'district', 'South', 'NP-1990:country:N', true),
    ('NP-1990:district:W', 'NP-1990', 'district', 'West', 'NP-1990:country:N', true);

insert into places.crosswalk (from_place_id, to_place_id, basis, weight, weight_se)
values
    ('NP-2011:district:01', 'NP-1990:district:E', 'whole', 1, 0),
    ('NP-2011:district:02', 'NP-1990:district:E', 'whole', 1, 0),
    ('NP-2011:district:03', 'NP-1990:district:S', 'whole', 1, 0),
    ('NP-2017:district:73', 'NP-1990:district:E', 'population', 0.75, 0.05),
    ('NP-2017:district:73', 'NP-1990:district:W', 'population', 0.25, 0.05);
