"""The change report of a release: ``changes.json`` for machines, ``changes.html`` for people."""

import json
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from statloom.exports.model import LANGUAGES, About
from statloom.exports.words import say

HERE = Path(__file__).parent


def write(folder: Path, about: About, changed: dict) -> None:
    """Write ``changed`` (as `statloom.release.changes` makes it) into ``folder``, in English and Nepali."""
    text = json.dumps(changed, indent=2, ensure_ascii=False, default=float)
    (folder / "changes.json").write_text(text + "\n", encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page = environment.get_template("changes.html.j2")
    for language in LANGUAGES:
        end, turned = (".html", ".ne.html") if language == "en" else (".ne.html", ".html")
        text = page.render(
            about=about,
            language=language,
            other="ne" if language == "en" else "en",
            say=partial(say, language),
            root="",
            turned=f"changes{turned}",
            index=f"index{end}",
            end=end,
            changed=changed,
        )
        (folder / f"changes{end}").write_text(text, encoding="utf-8")
