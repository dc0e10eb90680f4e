{{ staged('census_2011_school_attendance') }}
