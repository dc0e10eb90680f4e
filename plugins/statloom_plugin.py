"""The one module that Airflow loads: the quality report and the open data in Airflow's own navigation.

Both are served to whoever is logged in to Airflow, from the folders that the pipeline writes.
"""

from pathlib import Path

from airflow.api_fastapi.core_api.security import get_user
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, RedirectResponse

from statloom import settings


def _site(root: Path) -> FastAPI:
    """Return an application that serves the files below ``root`` to a user who is logged in."""
    site = FastAPI(title="Statloom", dependencies=[Depends(get_user)], openapi_url=None)

    @site.get("/{path:path}", response_class=FileResponse)
    def file(path: str) -> FileResponse:
        wanted = (root / path).resolve()
        if wanted.is_dir():
            if path and not path.endswith("/"):
                return RedirectResponse(f"{Path(path).name}/")
            wanted = wanted / "index.html"
        if not wanted.is_relative_to(root.resolve()) or not wanted.is_file():
            raise HTTPException(404, f"{path} is not there (yet)")
        return FileResponse(wanted)

    return site


class StatloomPlugin(AirflowPlugin):
    """Adds the quality report and the open data to Airflow's navigation."""

    name = "statloom"
    fastapi_apps = [
        {"app": _site(settings.load().report), "url_prefix": "/statloom/report", "name": "Quality report"},
        {"app": _site(settings.load().open_data), "url_prefix": "/statloom/open-data", "name": "Open data"},
    ]
    external_views = [
        {
            "name": "Quality report",
            "href": "/statloom/report/index.html",
            "url_route": "quality-report",
            "destination": "nav",
        },
        {
            "name": "Open data",
            "href": "/statloom/open-data/latest/index.html",
            "url_route": "open-data",
            "destination": "nav",
        },
    ]
