"""Public-use files: unit records that everybody may have.

    made = make(vault.stored(contract, sha256), contract, secret)
    findings, measures = examine(contract, made.tables)

``docs/public-use-microdata.md`` tells how a contract declares one.
"""

from statloom.microdata.public_use.errors import PublicUseError
from statloom.microdata.public_use.examination import Finding, Measures, examine
from statloom.microdata.public_use.layout import Layout
from statloom.microdata.public_use.loss import Loss
from statloom.microdata.public_use.making import Made, make

__all__ = ["Finding", "Layout", "Loss", "Made", "Measures", "PublicUseError", "examine", "make"]
