"""The Great Expectations page of a gate run: its own rendering, in one file that asks no other host for
anything.

Great Expectations' page template loads style sheets and scripts from other hosts. Here its renderers and
its templates for sections are used, inside a page of ours that carries its own style and the few lines of
script that it needs.
"""

import copy
import functools
import html
from pathlib import Path

from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.render import RenderedDocumentContent
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
from sqlalchemy import Engine, text

from statloom import settings

KEPT = 5
"""So many pages are kept of each gate and subject; what was found in older runs stays in the database."""

_TEMPLATES = Path(__file__).parent / "templates"
_PAGE = "gate_page.j2"


def write(
    engine: Engine, gate_run_id: int, title: str, validations: dict[str, ExpectationSuiteValidationResult]
) -> Path:
    """Write the page of a gate run to ``report/gates/<gate_run_id>.html``; return its path.

    ``validations``: by the name of the table judged. The pages of older runs of the same gate and subject are
    deleted, but for the newest ones.
    """
    folder = settings.load().report / "gates"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{gate_run_id}.html"
    path.write_text(render(title, validations), encoding="utf-8")
    with engine.begin() as connection:
        connection.execute(
            text("update quality.gate_run set page = :page where gate_run_id = :id"),
            {"page": f"gates/{path.name}", "id": gate_run_id},
        )
        outdated = connection.scalars(
            text(
                "update quality.gate_run set page = null where gate_run_id in (select gate_run_id from"
                " (select older.gate_run_id, row_number() over (order by older.gate_run_id desc) as age"
                " from quality.gate_run as older join quality.gate_run as this using (gate, subject)"
                " where this.gate_run_id = :id and older.page is not null) as pages where age > :kept)"
                " returning gate_run_id"
            ),
            {"id": gate_run_id, "kept": KEPT},
        ).all()
    for each in outdated:
        (folder / f"{each}.html").unlink(missing_ok=True)
    return path


def render(title: str, validations: dict[str, ExpectationSuiteValidationResult]) -> str:
    """Return the page as HTML: the sections of each table's suite, one after the other."""
    renderer = ValidationResultsPageRenderer(run_info_at_end=False)
    sections = []
    for table, validation in validations.items():
        of_suite = renderer.render(_escaped(table, validation)).sections
        _unlink(of_suite[0])
        of_suite[0].section_name = html.escape(table)
        for section in of_suite[1:]:
            section.section_name = None
        sections += of_suite
    whole = RenderedDocumentContent(
        renderer_type="ValidationResultsPageRenderer",
        page_title=html.escape(title),
        expectation_suite_name=html.escape(title),
        sections=sections,
        utm_medium="validation-results-page",
    )
    return _view().render(whole, template=_PAGE)


def _unlink(overview) -> None:
    """Take the link to a page of the suite out of a section: there is no such page."""
    header = overview.content_blocks[0].subheader.string_template
    header["styling"]["params"].pop("expectation_suite_name", None)


@functools.cache
def _view() -> DefaultJinjaPageView:
    return DefaultJinjaPageView(custom_views_directory=str(_TEMPLATES))


def _escaped(table: str, validation: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """Return a copy whose data cannot be taken for markup: the section templates do not escape them."""
    safe = copy.deepcopy(validation)
    safe.meta = {"batch_spec": {"data_asset_name": _without_markup(table)}}
    for result in safe.results:
        result.result = _without_markup(result.result)
        result.exception_info = _without_markup(result.exception_info)
        config = result.expectation_config
        config.kwargs = _without_markup(config.kwargs)
        said = [config.description or config.type, config.meta.get("dimension"), config.meta.get("severity")]
        config.description = _without_markup(" · ".join(word for word in said if word))
        config.meta = {}
    return safe


def _without_markup(value):
    if isinstance(value, str):
        return html.escape(value, quote=False).replace("$", "&#36;")
    if isinstance(value, dict):
        return {key: _without_markup(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_markup(each) for each in value]
    return value
