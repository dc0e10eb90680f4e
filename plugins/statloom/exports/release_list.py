"""The page that lists all releases, for people."""

from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from statloom.exports.words import say

HERE = Path(__file__).parent


def page(texts: dict, releases: list[dict], latest: int | None, language: str) -> str:
    """Return the page in ``language``.

    ``texts``: as `statloom.release.about.texts` gives them; ``releases``: newest first, with ``release``,
    ``status`` (released or withdrawn), ``released_at``, ``datasets``, ``cells``, ``cells_suppressed``,
    ``manifest_sha256`` and ``withdrawn_reason``; ``latest``: the number of the release in force.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    style = (HERE / "static" / "datasets.css").read_text(encoding="utf-8")
    return environment.get_template("releases.html.j2").render(
        title=texts["title_ne" if language == "ne" else "title"] or texts["title"],
        publisher=texts["publisher_ne" if language == "ne" else "publisher"] or texts["publisher"],
        releases=releases,
        latest=latest,
        language=language,
        other="ne" if language == "en" else "en",
        turned="index.ne.html" if language == "en" else "index.html",
        end=".html" if language == "en" else ".ne.html",
        style=style,
        say=partial(say, language),
    )
