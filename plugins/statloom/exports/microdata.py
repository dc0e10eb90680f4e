"""A public-use file as the exporters see it: its tables, its variables, and what is known of its risk."""

from dataclasses import dataclass, field

from statloom.exports.model import Source, Table, Text

FOLDER = "microdata"


@dataclass(frozen=True)
class Variable:
    """A variable of a public-use file. ``role``: key, sensitive, other, weight or number. ``counts``:
    category → rows that have it; ``missing``: rows without a value. Of ``before`` values, ``suppressed`` were
    left out of single rows; ``kept``: share of the information that is left; ``made``: how it was made
    coarser.
    """

    name: str
    record: str
    title: Text
    role: str
    type: str
    counts: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    before: int = 0
    suppressed: int = 0
    kept: float | None = None
    made: Text | None = None


@dataclass(frozen=True)
class Microdata:
    """A public-use file. ``facts``: what was measured of its risk, in words: what, and how much."""

    source: Source
    terms: Text
    edition: int
    period: str
    tables: tuple[Table, ...]
    rows: dict[str, int]  # by record
    variables: tuple[Variable, ...]
    facts: tuple[tuple[Text, str], ...]
    notes: tuple[Text, ...] = ()

    @property
    def title(self) -> Text:
        """Its title in both languages."""
        return Text(
            f"{self.source.title}: public-use file",
            f"{self.source.title_ne}: सार्वजनिक प्रयोगको फाइल" if self.source.title_ne else None,
        )

    @property
    def path(self) -> str:
        """Its folder within a release."""
        return f"{FOLDER}/{self.source.source_id}"
