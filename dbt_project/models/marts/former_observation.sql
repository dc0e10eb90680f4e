{{ observation_rows(ref('former_figure')) }}
