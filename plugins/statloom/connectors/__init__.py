"""Connectors: how the bytes of a delivery are fetched. They change nothing in what they fetch.

A connector is a function ``fetch(contract, lookup, folder) -> Payload`` that writes the parts of one delivery
into ``folder``, unchanged. ``lookup`` gives the URI of a connection by its id.
"""

from pathlib import Path

from statloom.connectors.connections import Lookup
from statloom.connectors.payload import Part, Payload
from statloom.contracts.model import Contract

__all__ = ["Lookup", "Part", "Payload", "fetch"]


def fetch(contract: Contract, lookup: Lookup | None, folder: Path) -> Payload:
    """Fetch one delivery of the source into ``folder``.

    Raises StatloomError when the source cannot be reached or refuses, DeliveryError when its answer is no
    delivery. Neither text has a secret in it.
    """
    kind = contract.connector.type
    if kind == "file":
        from statloom.connectors import file as connector
    elif kind == "http":
        from statloom.connectors import http as connector
    elif kind == "dhis2":
        from statloom.connectors import dhis2 as connector
    else:
        from statloom.connectors import database as connector
    return connector.fetch(contract, lookup, folder)
