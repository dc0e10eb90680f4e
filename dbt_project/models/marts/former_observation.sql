{{ observation_rows(ref('former_figure'), 'former_observation') }}
