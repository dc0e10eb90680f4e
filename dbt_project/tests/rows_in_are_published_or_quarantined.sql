-- Every row that was read either feeds a published figure or is in quarantine with a reason.
select *
from {{ ref('row_account') }}
where rows_in is distinct from rows_published + rows_quarantined
