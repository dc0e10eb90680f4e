"""What all pages of open data are made with: their templates, and what these need in each language."""

from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from statloom.exports.words import say

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def template(name: str) -> Template:
    """Return the template ``templates/<name>.html.j2``; a name that it lacks is an error."""
    return _environment().get_template(f"{name}.html.j2")


def common(language: str) -> dict:
    """Return what every page is given: ``language``, the ``other`` one, and ``say`` for its words."""
    return {
        "language": language,
        "other": "ne" if language == "en" else "en",
        "say": partial(say, language),
    }


def ends(language: str) -> tuple[str, str]:
    """Return how files of pages end in ``language``, and in the other one."""
    return (".html", ".ne.html") if language == "en" else (".ne.html", ".html")
