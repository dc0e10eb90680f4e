"""The alternatives to leaving figures out: random and controlled rounding, and the cell-key method.

``docs/perturbation.md`` says what each promises and what it does not.
"""

from statloom.disclosure.perturbation.cell_key import (
    aggregate_draws,
    cell_draws,
    perturbed,
    record_key_sql,
    record_keys,
)
from statloom.disclosure.perturbation.controlled_rounding import Rounded, controlled_rounding
from statloom.disclosure.perturbation.noise_table import NoiseTable, noise_table
from statloom.disclosure.perturbation.possible import possible
from statloom.disclosure.perturbation.random_rounding import BASES, random_rounding
from statloom.disclosure.perturbation.shares import share

__all__ = [
    "BASES",
    "NoiseTable",
    "Rounded",
    "aggregate_draws",
    "cell_draws",
    "controlled_rounding",
    "noise_table",
    "perturbed",
    "possible",
    "random_rounding",
    "record_key_sql",
    "record_keys",
    "share",
]
