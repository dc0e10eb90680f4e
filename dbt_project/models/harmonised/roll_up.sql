-- Counts added up from today's places to every place above them. A sampling error cannot be added up without the
-- microdata: it ends here.
select
    figure.cell_id,
    figure.track_id,
    ancestor.ancestor_number as place_number,
    sum(figure.numerator) as numerator,
    sum(figure.denominator) as denominator,
    sum(figure.value) as value,
    bool_or(figure.se is not null) as lost_se,
    sum(figure.n) as n
from {{ ref('cell_figure') }} as figure
inner join {{ ref('place_ancestor') }} as ancestor on ancestor.place_number = figure.place_number
where figure.is_additive
group by figure.cell_id, figure.track_id, ancestor.ancestor_number
