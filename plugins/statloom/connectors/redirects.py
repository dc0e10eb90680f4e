"""Where a server may send a request on to.

A body's server that was taken over, or whose page has an open redirect, must not make this machine ask what
only it can reach: its own services, its neighbours, the metadata of a cloud (``169.254.169.254``).
"""

import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

import requests

from statloom.connectors.connections import without_secrets
from statloom.errors import StatloomError


def check(source: str, response: requests.Response) -> None:
    """Raise StatloomError when ``response`` redirects from https to http, to no web address, to an address of
    the machine's own link, or from a public address to one that is not public.
    """
    if not response.is_redirect:
        return
    here, there = urlsplit(response.url), urlsplit(urljoin(response.url, response.headers["location"]))
    reason = _reason(here, there)
    if reason:
        shown = without_secrets(there.geturl())
        raise StatloomError(f"{source}: {without_secrets(response.url)} redirects to {shown}: {reason}")


def _reason(here, there) -> str | None:
    if there.scheme not in ("http", "https") or not there.hostname:
        return "no web address"
    if here.scheme == "https" and there.scheme == "http":
        return "from an encrypted connection to one that is not"
    if there.hostname == here.hostname:
        return None
    addresses = _addresses(there.hostname)
    if any(address.is_link_local or address.is_multicast or address.is_unspecified for address in addresses):
        return "an address that no source has"
    if any(not address.is_global for address in addresses) and all(
        address.is_global for address in _addresses(here.hostname or "")
    ):
        return "an address inside the network, from one outside"
    return None


def _addresses(host: str) -> list:
    """The addresses of ``host``; none when the name is unknown here, where a proxy may know it."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return []
    plain = [ipaddress.ip_address(address.partition("%")[0]) for address in found]
    return [getattr(address, "ipv4_mapped", None) or address for address in plain]
