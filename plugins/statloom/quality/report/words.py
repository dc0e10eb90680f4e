"""What the report's pages say, in English and in Nepali, and how numbers are said.

Every text is once in ``words.yml``, with its translation; a template asks for it by the English one:
``_("Held back")``. Names of columns, codes and what bodies write themselves are not translated.
"""

# ruff: noqa: S704  (what is not escaped is of the catalogue)

import functools
import math
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup, escape

LANGUAGES = ("en", "ne")
NOTHING = "–"

_CATALOGUE = Path(__file__).with_name("words.yml")
_CODE = re.compile(r"[a-z]+(_[a-z]+)+")
_DIGITS = str.maketrans("0123456789", "०१२३४५६७८९")


@functools.cache
def catalogue() -> dict[str, str]:
    """Return the Nepali of every text, by the English one."""
    read = yaml.safe_load(_CATALOGUE.read_text(encoding="utf-8"))
    return {english: nepali for part in read["texts"].values() for english, nepali in part.items()}


@functools.cache
def patterns() -> tuple[tuple[re.Pattern, str], ...]:
    """Return how descriptions that are made from a contract are said in Nepali: pattern and replacement.

    In the English text ``{name}`` stands for what differs.
    """
    read = yaml.safe_load(_CATALOGUE.read_text(encoding="utf-8"))
    return tuple(
        (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(english))), nepali)
        for english, nepali in read["patterns"].items()
    )


class Words:
    """The words of one language. ``missing`` collects texts that have no translation."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.missing: set[str] = set()

    def text(self, english: str, **values: Any) -> str:
        """Return a text in this language; ``{name}`` in it becomes the value, numbers as they are said."""
        # A code is read as words.
        said = english.replace("_", " ") if _CODE.fullmatch(english) else english
        if self.language != "en":
            said = catalogue().get(english, english)
            if english not in catalogue():
                self.missing.add(english)
        if not values:
            return said
        return said.format(**{name: self.value(value) for name, value in values.items()})

    def value(self, value: Any) -> Any:
        """Say a number as a number, and anything else as it is."""
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self.number(value)
        return self.moment(value) if isinstance(value, datetime) else value

    def described(self, english: str | None) -> Markup:
        """Return what an expectation or a reason says; marked as English where it has no translation."""
        if not english:
            return Markup(NOTHING)
        if self.language == "en":
            return escape(english)
        if english in catalogue():
            return escape(catalogue()[english])
        for pattern, nepali in patterns():
            if found := pattern.fullmatch(english):
                parts = {
                    name: self.digits(part) if re.fullmatch(r"[\d.,-]+", part) else name_of(part)
                    for name, part in found.groupdict().items()
                }
                return Markup(nepali).format(**parts)
        return self.english(english)

    def english(self, text: Any) -> Markup:
        """Return a text that is English whatever the page's language is."""
        return escape(text) if self.language == "en" else Markup('<span lang="en">{}</span>').format(text)

    def either(self, english: str | None, nepali: str | None) -> Markup:
        """Return a title in this language, or in English where there is no other."""
        if self.language == "ne" and nepali:
            return escape(nepali)
        return self.english(english or NOTHING)

    def digits(self, text: Any) -> str:
        """Return a text with this language's digits."""
        return str(text) if self.language == "en" else str(text).translate(_DIGITS)

    def number(self, value: float | None) -> str:
        """Say a number with thousands separated, and with two decimals when it is not whole."""
        if value is None:
            return NOTHING
        return self.digits(number(value))

    def share(self, part: float | None, whole: float | None) -> str:
        """Say ``part`` of ``whole`` in percent with one decimal."""
        return self.digits(share(part, whole))

    def signed(self, value: float | None) -> str:
        """Say a difference: a number with its sign."""
        return self.digits(signed(value))

    def relative(self, value: float | None) -> str:
        """Say a share of one in percent."""
        said = relative(value)
        if said.startswith(("under", "over")):
            word, _, rest = said.partition(" ")
            return f"{self.text(word)} {self.digits(rest)}"
        return self.digits(said)

    def moment(self, value: datetime | None) -> str:
        """Say a moment (UTC) to the minute."""
        return self.digits(value.strftime("%Y-%m-%d %H:%M")) if value else NOTHING

    def day(self, value: datetime | None) -> str:
        """Say the day of a moment."""
        return self.digits(value.strftime("%Y-%m-%d")) if value else NOTHING

    def size(self, value: float | None) -> str:
        """Say a number of bytes."""
        if value is None:
            return NOTHING
        units = ["B", "kB", "MB", "GB"]
        while value >= 1000 and len(units) > 1:
            value /= 1000
            units.pop(0)
        unit = units[0]
        said = f"{value:,.0f}" if unit == "B" or value >= 100 else f"{value:,.1f}"
        return f"{self.digits(said)} {self.text(unit)}"


def name_of(code: Any) -> Markup:
    """Return a name of a column, a code or an address as such: it is the same in every language."""
    return Markup("<code>{}</code>").format(code)


def share(part: float | None, whole: float | None) -> str:
    """Say ``part`` of ``whole`` in percent with one decimal; never 100 while something is missing."""
    if not whole or part is None:
        return NOTHING
    return f"{math.floor(1000 * part / whole) / 10:.1f} %"


def number(value: float | None) -> str:
    """Say a number with thousands separated, and with two decimals when it is not whole."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def signed(value: float | None) -> str:
    """Say a difference: a number with its sign."""
    if value is None:
        return NOTHING
    return number(value) if not value > 0 else f"+{number(value)}"


def relative(value: float | None) -> str:
    """Say a share of one in percent, with as many decimals as it takes to tell a small one from nothing."""
    if value is None:
        return NOTHING
    percent = 100 * float(value)
    size = abs(percent)
    if 0 < size < 0.001:
        return f"{'under' if percent > 0 else 'over -'} 0.001 %".replace("- ", "-")
    return f"{percent:,.{1 if size >= 1 or size == 0 else 2 if size >= 0.1 else 3}f} %"
