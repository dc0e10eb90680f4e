"""Bring a CKAN portal to what a release says: nothing is sent that is there already.

A dataset that is new is a draft until all its files are up. One that is there keeps the release that it says
it has until all its files are up: ``statloom_complete`` goes first and comes back last, so that a run that
was killed half-way is seen, and the next one goes on where it stopped. What other people added to a dataset
(extras, tags, resources of their own) stays.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from statloom.errors import StatloomError
from statloom.exports.ckan import (
    CHECKSUM,
    COMPLETE,
    MISSING,
    PART,
    RELEASE,
    SERIES,
    Package,
    Resource,
    packages,
)
from statloom.exports.ckan_api import Portal, Refused


@dataclass
class Done:
    """What was sent: numbers of datasets and files; the files that the portal finds too large, and the names
    of datasets that are no longer released.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    uploaded: int = 0
    linked: int = 0
    removed: int = 0
    too_large: list[str] = field(default_factory=list)
    discontinued: tuple[str, ...] = ()


def publish(
    portal: Portal,
    folder: Path,
    *,
    organization: str | None = None,
    prefix: str = "",
    withdrawn: str | None = None,
    address: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Done:
    """Bring the datasets of ``portal`` to the release in ``folder``.

    ``organization``: who owns new datasets; ``prefix``: before every name; ``withdrawn``: mark the datasets
    as withdrawn, with this reason; ``address``: where the folder of releases is served, so that files that
    are larger than the portal takes are linked. Without it they are left out, and the dataset does not say
    that it is complete. Raises StatloomError when the folder is no release, or a dataset of one of
    the names belongs to somebody else, or the portal refuses or fails; what was sent until then stays.
    """
    done = Done()
    made = packages(folder, prefix=prefix, withdrawn=withdrawn)
    before = portal.show(made[-1].name)
    listed = _extras(before).get("statloom_datasets", "").split() if before else []
    for package in made:
        there = before if package is made[-1] else portal.show(package.name)
        _one(portal, package, there, organization, address, done, report)
    gone = [name for name in listed if name not in {package.name for package in made}]
    for name in gone:
        there = portal.show(name)
        if there and not _extras(there).get("discontinued_in"):
            _patch(portal, there, {}, {"discontinued_in": made[-1].fields["version"]})
            report(f"{name}: no longer released")
    done.discontinued = tuple(gone)
    return done


def _extras(package: dict) -> dict[str, str]:
    return {extra["key"]: extra["value"] for extra in package.get("extras", ())}


def _description(package: Package) -> str:
    """Return a checksum of what the dataset says, its files apart."""
    text = json.dumps(package.fields, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _one(
    portal: Portal,
    package: Package,
    there: dict | None,
    organization: str | None,
    address: str | None,
    done: Done,
    report: Callable[[str], None],
) -> None:
    mine = {extra["key"]: extra["value"] for extra in package.fields["extras"]}
    if there is None:
        fields = {**package.fields, "name": package.name, "state": "draft"}
        if organization:
            fields["owner_org"] = organization
        there = portal.ask("package_create", fields)
        done.created += 1
        new = True
    else:
        said = _extras(there)
        if said.get(SERIES) != mine[SERIES]:
            raise StatloomError(
                f"{portal.url} has a dataset {package.name} that is not ours; choose a --prefix for our names"
            )
        new = False
    said = _extras(there)
    send, stale = _differences(package, there)
    same = (
        not send
        and not stale
        and said.get(CHECKSUM) == _description(package)
        and said.get(COMPLETE) == package.fields["version"]
        and there.get("state") == "active"
    )
    if same:
        done.unchanged += 1
        return
    if not new:
        done.changed += 1
        if said.get(COMPLETE):
            _patch(portal, there, {}, {}, without=(COMPLETE,))
    missing = []
    for resource, known in send:
        try:
            _upload(portal, there["id"], resource, known)
            done.uploaded += 1
        except Refused as error:
            if "too large" not in str(error):
                raise
            if address is None:
                missing.append(resource.fields["name"])
                continue
            _link(portal, there["id"], resource, known, f"{address.rstrip('/')}/{package.fields['version']}")
            done.linked += 1
        report(f"{package.name}: {resource.fields['name']}")
    done.too_large += [f"{package.name}: {name}" for name in missing]
    for known in stale:
        portal.ask("resource_delete", {"id": known["id"]})
        done.removed += 1
    now = portal.show(there["id"])
    _patch(
        portal,
        now,
        {key: value for key, value in package.fields.items() if key not in ("extras", "tags")}
        | {"state": "active", "tags": _tags(package, now)},
        mine
        | {CHECKSUM: _description(package), RELEASE: package.fields["version"]}
        | ({MISSING: " ".join(missing)} if missing else {COMPLETE: package.fields["version"]}),
        without=("withdrawn", "discontinued_in", MISSING),
    )


def _differences(package: Package, there: dict) -> tuple[list[tuple[Resource, dict | None]], list[dict]]:
    """Return the files to send, each with the resource that it replaces, and resources of ours to remove."""
    known: dict[str, dict] = {}
    stale = []
    for resource in there.get("resources", ()):
        part = resource.get(PART)
        if part is None:
            continue  # somebody else's
        if part in known:
            stale.append(resource)  # sent twice: an answer was lost
        else:
            known[part] = resource
    wanted = {resource.part for resource in package.resources}
    stale += [resource for part, resource in known.items() if part not in wanted]
    send = [
        (resource, known.get(resource.part))
        for resource in package.resources
        if (known.get(resource.part) or {}).get("hash") != resource.sha256
    ]
    return send, stale


def _upload(portal: Portal, package_id: str, resource: Resource, known: dict | None) -> None:
    fields = {**resource.fields, "hash": resource.sha256, PART: resource.part}
    if known:
        portal.upload("resource_patch", {"id": known["id"], **fields}, resource.path)
    else:
        portal.upload("resource_create", {"package_id": package_id, **fields}, resource.path)


def _link(portal: Portal, package_id: str, resource: Resource, known: dict | None, root: str) -> None:
    url = f"{root}/{resource.address}"
    fields = {**resource.fields, "hash": resource.sha256, PART: resource.part, "url": url, "url_type": ""}
    if known:
        portal.ask("resource_patch", {"id": known["id"], **fields})
    else:
        portal.ask("resource_create", {"package_id": package_id, **fields})


def _patch(portal: Portal, there: dict, fields: dict, extras: dict[str, str], without: tuple = ()) -> None:
    """Change ``fields`` and ``extras`` of a dataset; extras ``without`` go unless ``extras`` has them."""
    kept = {key: value for key, value in _extras(there).items() if key not in without} | extras
    listed = [{"key": key, "value": value} for key, value in sorted(kept.items())]
    portal.ask("package_patch", {"id": there["id"], **fields, "extras": listed})


def _tags(package: Package, there: dict) -> list[dict]:
    names = {tag["name"] for tag in there.get("tags", ())} | {tag["name"] for tag in package.fields["tags"]}
    return [{"name": name} for name in sorted(names)]
