"""The change report of a release: ``changes.json`` for machines, ``changes.html`` for people."""

import json
from pathlib import Path

from statloom.exports.model import LANGUAGES, About
from statloom.exports.rendering import common, ends, template


def write(folder: Path, about: About, changed: dict) -> None:
    """Write ``changed`` (as `statloom.release.changes` makes it) into ``folder``, in English and Nepali."""
    text = json.dumps(changed, indent=2, ensure_ascii=False, default=float)
    (folder / "changes.json").write_text(text + "\n", encoding="utf-8")
    page = template("changes")
    for language in LANGUAGES:
        end, turned = ends(language)
        text = page.render(
            **common(language),
            about=about,
            root="",
            turned=f"changes{turned}",
            index=f"index{end}",
            end=end,
            changed=changed,
        )
        (folder / f"changes{end}").write_text(text, encoding="utf-8")
