"""Which columns a public-use file has, and in which of its tables they stand."""

from functools import cached_property

from statloom.contracts.model import Column, Contract
from statloom.microdata.public_use.errors import PublicUseError


class Layout:
    """The tables of the public-use file of ``contract``.

    ``record``: whose rows are the cases; ``household``: the table of what they belong to, None without one;
    ``size``: its column with the number of their rows; ``weight``: the column of weights, None without one.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract, self.public = contract, contract.public_use
        if self.public is None:
            raise PublicUseError(f"{contract.source}: the contract declares no public-use file")
        parents = {record.parent for record in contract.records.values()}
        lowest = next(name for name in contract.records if name not in parents)
        self.record = self.public.record or lowest
        parent = contract.records[self.record].parent
        self.household = parent or ("household" if self.public.household else None)
        self.size = f"{self.record}s_in_{self.household}" if self.household else None
        self.household_column = contract.records[parent].number if parent else self.public.household
        self.weight = self.public.weight

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The contract's columns that go out."""
        return {name: self.contract.columns[name] for name in self._listed}

    @property
    def read(self) -> list[str]:
        """The columns that are read from the vault."""
        return [*self._listed, *([self.household_column] if self.household_column else [])]

    @property
    def records(self) -> list[str]:
        """The tables, that of households first."""
        return [name for name in (self.household, self.record) if name]

    @property
    def keys(self) -> list[str]:
        """The key variables of a row, with the number of rows of its household."""
        return [*self.public.keys, *([self.size] if self.size else [])]

    @property
    def _listed(self) -> list[str]:
        return [*self.public.listed, *([self.weight] if self.weight else [])]

    def of_household(self, name: str) -> bool:
        """Say whether the variable stands in the table of households."""
        if self.household is None:
            return False
        if name == self.size or name in self.public.household_variables:
            return True
        own = self.contract.own(self.record)
        return self.contract.records[self.record].parent is not None and name not in own

    def of(self, name: str) -> str:
        """Return the table that has the variable."""
        return self.household if self.of_household(name) else self.record

    def own(self, table: str) -> list[str]:
        """Return the variables of a table in the order of its columns: keys first, the weight last."""
        return [name for name in self._listed if self.of(name) == table]

    def number(self, table: str) -> str:
        """Return the column with the number of a table's rows."""
        return f"{table}_number"

    def expected(self, table: str) -> list[str]:
        """Return all columns of a table, in their order."""
        numbers = [self.number(table)]
        if table == self.household:
            return [*numbers, *self.own(table), self.size]
        return [*numbers, *([self.number(self.household)] if self.household else []), *self.own(table)]
