"""The Web API of DHIS2: organisation units and data elements page by page, and one data value set.

Login by user name and password, or by a personal access token (``token`` in the connection's extra).
Each answer is one part of the delivery, unchanged.
"""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

from statloom.connectors import connections, web
from statloom.connectors.connections import Lookup, without_secrets
from statloom.connectors.payload import Part, Payload
from statloom.contracts.model import Contract
from statloom.errors import DeliveryError, StatloomError
from statloom.landing.read.checks import MAXIMUM_DOCUMENT

_UID = re.compile(r"[A-Za-z][A-Za-z0-9]{10}")
_MAXIMUM_PAGES = 10_000
DATA_SETS, UNITS, ELEMENTS, COMBOS = "dataSets", "organisationUnits", "dataElements", "categoryOptionCombos"
VALUES = "dataValueSets"
_FIELDS = {
    DATA_SETS: "id,code,name,periodType",
    UNITS: "id,code,name,level,parent[id]",
    ELEMENTS: "id,code,name,valueType",
    COMBOS: "id,code,name",
}


def fetch(contract: Contract, lookup: Lookup | None, folder: Path) -> Payload:
    """Fetch the data values of the contract's data set and periods, with the metadata that name them."""
    settings = contract.connector
    connection = connections.find(settings.connection, lookup)
    with web.Client(contract.source, connection, settings.timeout_seconds) as client:
        return _Session(contract, connection.base_url(), client, folder).fetch()


class _Session:
    def __init__(self, contract: Contract, base: str, client: web.Client, folder: Path) -> None:
        self.contract, self.client, self.folder = contract, client, folder
        self.base = base if base.endswith("/api") or "/api/" in base else f"{base}/api"
        self.parts: list[Part] = []

    def fetch(self) -> Payload:
        settings = self.contract.connector
        data_set = self._data_set(settings.data_set)
        units = self._collection(UNITS)
        self._collection(ELEMENTS)
        if any(name.startswith("category_option_combo_") for name in self.contract.columns):
            self._collection(COMBOS)
        known = {unit["id"] for unit in units}
        roots = (
            [settings.org_unit]
            if settings.org_unit
            else [unit["id"] for unit in units if (unit.get("parent") or {}).get("id") not in known]
        )
        if not roots:
            raise DeliveryError(
                "the server has no organisation unit that this login may see", source=self.contract.source
            )
        query = [("dataSet", data_set), *(("period", p) for p in settings.period)]
        query += [("orgUnit", root) for root in sorted(roots)] + [("children", "true")]
        self._answer(VALUES, query, VALUES)
        return Payload(tuple(self.parts), without_secrets(f"{self.base}/{VALUES}?{urlencode(query)}"))

    def _data_set(self, name: str) -> str:
        """Return the identifier of the data set that is called ``name``, its identifier or code."""
        for key in ("id", "code") if _UID.fullmatch(name) else ("code",):
            found = self._collection(DATA_SETS, f"{key}:eq:{name}")
            if len(found) == 1:
                return found[0]["id"]
            self.parts.clear()
        raise StatloomError(
            f"{self.contract.source}: the server has no data set {name!r} that this login may see"
        )

    def _collection(self, resource: str, condition: str | None = None) -> list[dict]:
        """Return all items of a collection, having fetched every page of it."""
        items: list[dict] = []
        size = self.contract.connector.page_size
        for page in range(1, _MAXIMUM_PAGES):
            query = [
                ("fields", _FIELDS[resource]),
                ("order", "id:asc"),
                ("paging", "true"),
                ("totalPages", "true"),
            ]
            query += [("pageSize", str(size)), ("page", str(page))]
            if condition:
                query.append(("filter", condition))
            answer = self._answer(resource, query, f"{resource}-{page:04}")
            found = answer.get(resource)
            if not isinstance(found, list):
                raise DeliveryError(
                    f"the answer has no {resource}", source=self.contract.source, file=self.parts[-1].name
                )
            items += found
            pager = answer.get("pager") or {}
            if page >= pager.get("pageCount", 1):
                break
        total = pager.get("total", len(items))
        unique = {item.get("id") for item in items}
        if len(items) != total or len(unique) != total:
            raise DeliveryError(
                f"{len(unique):,} different {resource} on all pages, but the server counts {total:,}:"
                " they changed while they were read",
                source=self.contract.source,
            )
        return items

    def _answer(self, resource: str, query: list[tuple[str, str]], name: str) -> dict:
        url = f"{self.base}/{resource}.json?{urlencode(query)}"
        target = self.folder / f"{name}.json"
        response = self.client.download(url, target, accept="application/json")
        self.parts.append(Part(target.name, target, without_secrets(url)))
        kind = response.headers.get("Content-Type", "")
        if target.stat().st_size > MAXIMUM_DOCUMENT:
            raise DeliveryError(
                f"more than {MAXIMUM_DOCUMENT:,} bytes of JSON", source=self.contract.source, file=target.name
            )
        try:
            answer = json.loads(target.read_bytes())
        except (ValueError, RecursionError):
            what = (
                "an HTML page"
                if "html" in kind or target.read_bytes()[:200].lstrip().startswith(b"<")
                else "no JSON"
            )
            raise DeliveryError(
                f"{what} where JSON was expected, from {without_secrets(url)}",
                source=self.contract.source,
                file=target.name,
            ) from None
        if not isinstance(answer, dict):
            raise DeliveryError("no JSON object", source=self.contract.source, file=target.name)
        return answer
