"""The synthetic population: invented households and persons on the real local units of 2021.

There are no open microdata of the country, so nobody was asked. The population is a function: each attribute
of a household or a person is drawn by a hash of the seed, the attribute's name and the unit's number
(`draws.Draws`). Any part of its 29,074,990 persons in 6,711,749 households can thus be made without the rest,
and the census file, the household survey and the true values all come from the same population.

Given (`household_survey_frame.csv`): the 2021 population, number of wards and type of each of the 753 local
units, and the 2011 shares of its households and its literate persons. Assumed, each a named constant beside
its use: how the shares moved since 2011, how attributes depend on wealth, age and sex. A unit's population is
the published one to the person; all else is invented.

`areas` places, wards and enumeration areas; `households` and `persons` their attributes; `codes` the
categories with their labels; `truth` the values that a survey of this population tries to estimate.
"""

SEED = 20_211_125
LABEL = "SYNTHETIC: made by a generator, nobody was asked"
