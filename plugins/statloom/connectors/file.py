"""Files, local or behind any fsspec URL."""

from pathlib import Path

import fsspec

from statloom import settings
from statloom.connectors.connections import Lookup, without_secrets
from statloom.connectors.payload import Part, Payload, file_name
from statloom.contracts.model import Contract
from statloom.errors import StatloomError
from statloom.landing.disk import full_disk_named
from statloom.landing.read.checks import CHUNK, maximum_bytes


def fetch(contract: Contract, lookup: Lookup | None, folder: Path) -> Payload:
    """Copy the file that the contract's ``url`` names, and those ``beside`` it. A path is relative to the
    project.
    """
    parts = [_part(contract, url, folder) for url in (contract.connector.url, *contract.connector.beside)]
    return Payload(tuple(parts), parts[0].fetched_from)


def _part(contract: Contract, url: str, folder: Path) -> Part:
    address = url if "://" in url else str(settings.load().project / url)
    shown = without_secrets(url)
    name = file_name(url.split("?")[0], contract.source)
    target = folder / name
    if target.exists():
        raise StatloomError(f"{contract.source}: two files of the delivery are called {name}")
    try:
        with fsspec.open(address, "rb") as source:
            _copy(source, target, contract.source, shown)
    except FileNotFoundError:
        raise StatloomError(f"{contract.source}: no file {shown}") from None
    except PermissionError:
        raise StatloomError(f"{contract.source}: {shown} may not be read") from None
    except IsADirectoryError:
        raise StatloomError(f"{contract.source}: {shown} is a folder") from None
    except StatloomError:
        raise
    except Exception as error:
        raise StatloomError(f"{contract.source}: {shown} cannot be read: {without_secrets(error)}") from None
    return Part(name, target, shown)


def _copy(source, target: Path, name: str, shown: str) -> None:
    size = 0
    with full_disk_named(target), target.open("wb") as out:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > maximum_bytes():
                raise StatloomError(f"{name}: {shown} is larger than the limit of {maximum_bytes():,} bytes")
            out.write(chunk)
