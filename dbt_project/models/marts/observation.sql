{{ observation_rows(ref('figure'), 'observation') }}
