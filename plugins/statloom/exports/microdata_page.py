"""The page of a public-use file, in English and in Nepali."""

import json
from pathlib import Path

from statloom.exports.licences import address
from statloom.exports.microdata import FOLDER, Microdata
from statloom.exports.model import LANGUAGES, About, File, Text
from statloom.exports.rendering import common, ends, template
from statloom.exports.words import say


def write(folder: Path, about: About, described: Microdata, files: list[File]) -> list[Path]:
    """Write ``index.html`` and ``index.ne.html`` beside the tables in ``folder``, the release's."""
    page = template("microdata_page")
    written = []
    for language in LANGUAGES:
        end, turned = ends(language)
        path = folder / described.path / f"index{end}"
        path.write_text(
            page.render(
                **common(language),
                about=about,
                root="../../",
                turned=f"index{turned}",
                index=f"index{end}",
                data=described,
                files=files,
                licence=address(described.source.licence),
                citation=_citation(about, described, language),
            ),
            encoding="utf-8",
        )
        written.append(path)
    return written


def pages(folder: Path) -> list[tuple[str, Text]]:
    """Return the pages of public-use files that the release in ``folder`` has, with their titles."""
    found = []
    for path in sorted((folder / FOLDER).glob("*/public_use.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        found.append((f"{FOLDER}/{path.parent.name}/index.html", Text(said["title"], said.get("title_ne"))))
    return found


def _citation(about: About, described: Microdata, language: str) -> str:
    edition = f"{say(language, 'microdata_edition')} {described.edition}"
    return (
        f"{described.source.custodian}: {described.title.in_(language)}, {edition}. "
        f"{about.publishers.in_(language)}, {about.issued.year}."
    )
