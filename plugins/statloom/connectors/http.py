"""A file behind http or https."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from statloom.connectors import connections, web
from statloom.connectors.connections import Lookup, without_secrets
from statloom.connectors.payload import Part, Payload, file_name
from statloom.contracts.model import Contract


def fetch(contract: Contract, lookup: Lookup | None, folder: Path) -> Payload:
    """Download the contract's ``url``, with the login of its connection if it has one."""
    settings = contract.connector
    connection = connections.find(settings.connection, lookup) if settings.connection else None
    url = web.absolute(contract.source, settings.url, connection)
    name = file_name(unquote(urlsplit(url).path), contract.source)
    target = folder / name
    with web.Client(contract.source, connection, settings.timeout_seconds) as client:
        client.download(url, target)
    shown = without_secrets(url)
    return Payload((Part(name, target, shown),), shown)
