"""The page that lists all releases, for people."""

from pathlib import Path

from statloom.exports.rendering import common, ends, template

HERE = Path(__file__).parent


def page(texts: dict, releases: list[dict], latest: int | None, language: str) -> str:
    """Return the page in ``language``.

    ``texts``: as `statloom.release.about.texts` gives them; ``releases``: newest first, with ``release``,
    ``status`` (released or withdrawn), ``released_at``, ``datasets``, ``cells``, ``cells_suppressed``,
    ``manifest_sha256`` and ``withdrawn_reason``; ``latest``: the number of the release in force.
    """
    end, turned = ends(language)
    style = (HERE / "static" / "datasets.css").read_text(encoding="utf-8")
    return template("releases").render(
        **common(language),
        title=texts["title_ne" if language == "ne" else "title"] or texts["title"],
        publisher=texts["publisher_ne" if language == "ne" else "publisher"] or texts["publisher"],
        releases=releases,
        latest=latest,
        turned=f"index{turned}",
        end=end,
        style=style,
    )
