"""Statloom's own expectations. Importing this package registers them with Great Expectations by their type
names.

Each counts and picks its examples inside PostgreSQL. Checks of single rows (`rows`) are aggregates that
Great Expectations bundles into one scan of the table with all others of the suite; checks of relations
between rows are one query each, and a second one for examples only where something was found.
"""

from statloom.quality.expectations.additivity import (
    ExpectChildrenToAddUpToParents,
    ExpectNoCategoryToBeTheTotal,
    ExpectNoPartToExceedTheTotal,
    ExpectParentsToLieAmongChildren,
    ExpectPartsToAddUpToTotal,
    ExpectSumsToEqualThoseOf,
)
from statloom.quality.expectations.agreement import (
    ExpectCategoriesToBeUnchanged,
    ExpectSourcesToAgree,
    ExpectValuesNearOwnHistory,
    ExpectValuesNearPeers,
)
from statloom.quality.expectations.completeness import ExpectAllPlacesToReport
from statloom.quality.expectations.rows import (
    ExpectPartNotGreaterThanWhole,
    ExpectQueryToFindNothing,
    ExpectRowsToSatisfy,
)
from statloom.quality.expectations.structure import ExpectColumnsToHaveTypes, ExpectKeysToBeUnique
from statloom.quality.expectations.timeliness import ExpectDeliveryToBeFresh, ExpectSourcesToBeFresh

__all__ = [
    "ExpectAllPlacesToReport",
    "ExpectCategoriesToBeUnchanged",
    "ExpectChildrenToAddUpToParents",
    "ExpectColumnsToHaveTypes",
    "ExpectDeliveryToBeFresh",
    "ExpectKeysToBeUnique",
    "ExpectNoCategoryToBeTheTotal",
    "ExpectNoPartToExceedTheTotal",
    "ExpectParentsToLieAmongChildren",
    "ExpectPartNotGreaterThanWhole",
    "ExpectPartsToAddUpToTotal",
    "ExpectQueryToFindNothing",
    "ExpectRowsToSatisfy",
    "ExpectSourcesToAgree",
    "ExpectSourcesToBeFresh",
    "ExpectSumsToEqualThoseOf",
    "ExpectValuesNearOwnHistory",
    "ExpectValuesNearPeers",
]
