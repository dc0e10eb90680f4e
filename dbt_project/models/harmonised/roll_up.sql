-- Counts added up from today's places to every place above them. A sampling error cannot be added up without the
-- microdata: it ends here.
select
    figure.cell_id,
    figure.source_id,
    figure.source_level,
    ancestor.ancestor_id as place_id,
    figure.period,
    sum(figure.numerator) as numerator,
    sum(figure.denominator) as denominator,
    sum(figure.value) as value,
    bool_or(figure.se is not null) as had_se,
    sum(figure.n) as n
from {{ ref('cell_figure') }} as figure
inner join {{ ref('place_ancestor') }} as ancestor on ancestor.place_id = figure.place_id
where figure.is_additive
group by 1, 2, 3, 4, 5
