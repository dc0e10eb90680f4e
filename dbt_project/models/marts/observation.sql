{{ observation_rows(ref('figure')) }}
