"""A small portal that answers as CKAN 2.12 does to the actions that Statloom asks of it.

What it refuses, and how, was looked up on a real CKAN 2.12.0; ``ckan_answers.json`` has answers of that CKAN,
which a test holds against those of this portal. It stops answering after ``dies_after`` requests that write.
"""

import email.parser
import email.policy
import http.server
import json
import re
import threading
import uuid

TOKEN = "a-token"
_NAME, _TAG = r"[a-z0-9_-]{2,100}", r"[\w .\-]{2,100}"


class Refusal(Exception):
    def __init__(self, status: int, kind: str, **said):
        super().__init__(kind)
        self.status, self.error = status, {"__type": kind, **said}


class Ckan:
    """The portal's datasets and what was asked of it."""

    def __init__(self):
        self.packages: dict[str, dict] = {}
        self.asked: list[str] = []
        self.bytes: dict[str, bytes] = {}
        self.dies_after: int | None = None
        self.takes = 10_000_000  # bytes of a file
        self.loses_answer = False

    def package(self, key: str) -> dict:
        for package in self.packages.values():
            if key in (package["id"], package["name"]):
                return package
        raise Refusal(404, "Not Found Error", message="Not found")

    def package_show(self, data, upload):
        return self.package(data["id"])

    def package_create(self, data, upload):
        if not data.get("owner_org"):
            raise Refusal(409, "Validation Error", owner_org=["An organization must be provided"])
        package = {
            "author": None, "author_email": None, "creator_user_id": "u", "id": str(uuid.uuid4()),
            "isopen": True, "license_id": None, "license_title": None, "maintainer": None,
            "maintainer_email": None,
            "metadata_created": "", "metadata_modified": "", "notes": None, "num_resources": 0, "num_tags": 0,
            "organization": {}, "private": False, "state": "active", "title": "", "type": "dataset",
            "url": None, "version": None, "extras": [], "tags": [], "resources": [], "groups": [],
            "relationships_as_subject": [], "relationships_as_object": [],
        }  # fmt: skip
        package |= self._checked(data)
        if any(known["name"] == package["name"] for known in self.packages.values()):
            raise Refusal(409, "Validation Error", name=["That URL is already in use."])
        self.packages[package["id"]] = package
        return package

    def package_patch(self, data, upload):
        package = self.package(data["id"])
        package |= self._checked({key: value for key, value in data.items() if key != "id"})
        return package

    def _checked(self, data: dict) -> dict:
        if not re.fullmatch(_NAME, data.get("name", "ok")):
            raise Refusal(409, "Validation Error", name=["Must be purely lowercase alphanumeric"])
        for tag in data.get("tags", ()):
            if not re.fullmatch(_TAG, tag["name"]):
                raise Refusal(409, "Validation Error", tags=[f'Tag "{tag["name"]}" can only contain'])
        keys = [extra["key"] for extra in data.get("extras", ())]
        if len(keys) != len(set(keys)) or not all(keys):
            raise Refusal(409, "Validation Error", extras=["Duplicate key"])
        if not all(isinstance(extra["value"], str) for extra in data.get("extras", ())):
            raise Refusal(409, "Validation Error", extras=["Must be a string"])
        return data

    def resource_create(self, data, upload):
        package = self.package(data["package_id"])
        self._fits(upload)
        resource = {
            "cache_last_updated": None, "cache_url": None, "created": "", "description": None, "format": "",
            "hash": "", "id": str(uuid.uuid4()), "last_modified": "", "metadata_modified": "",
            "mimetype": None, "mimetype_inner": None, "name": None, "position": len(package["resources"]),
            "resource_type": None, "size": None, "state": "active", "url": "", "url_type": "upload",
        }  # fmt: skip
        resource |= data
        self._stored(resource, upload)
        package["resources"].append(resource)
        return resource

    def resource_patch(self, data, upload):
        for package in self.packages.values():
            for resource in package["resources"]:
                if resource["id"] == data["id"]:
                    self._fits(upload)
                    resource |= data
                    self._stored(resource, upload)
                    return resource
        raise Refusal(404, "Not Found Error", message="Not found")

    def _fits(self, upload):
        if upload is not None and len(upload) > self.takes:
            raise Refusal(409, "Validation Error", upload=["File upload too large"])

    def _stored(self, resource, upload):
        resource["size"] = int(resource["size"])
        self.bytes[resource["id"]] = upload

    def resource_delete(self, data, upload):
        for package in self.packages.values():
            package["resources"] = [r for r in package["resources"] if r["id"] != data["id"]]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self):
        ckan: Ckan = self.server.ckan
        body = self.rfile.read(int(self.headers["Content-Length"]))
        action = self.path.rpartition("/")[2]
        writes = action != "package_show"
        if writes and ckan.dies_after is not None:
            if ckan.dies_after == 0 and not ckan.loses_answer:
                self.close_connection = True
                return
            ckan.dies_after -= 1
        ckan.asked.append(action)
        data, upload = self._read(body)
        try:
            if self.headers.get("Authorization") != TOKEN:
                raise Refusal(403, "Authorization Error", message="Access denied")
            answer = {"success": True, "result": getattr(ckan, action)(data, upload)}
            status = 200
        except Refusal as refusal:
            answer, status = {"success": False, "error": refusal.error}, refusal.status
        if writes and ckan.loses_answer and ckan.dies_after is not None and ckan.dies_after < 0:
            self.close_connection = True  # done, and the answer is lost
            return
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _read(self, body: bytes) -> tuple[dict, bytes | None]:
        kind = self.headers["Content-Type"]
        if not kind.startswith("multipart/"):
            return json.loads(body), None
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
        )
        data, upload = {}, None
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            if name == "upload":
                upload = part.get_payload(decode=True)
            else:
                data[name] = part.get_payload(decode=True).decode()
        return data, upload

    def log_message(self, *arguments):
        pass


def serve() -> tuple[http.server.ThreadingHTTPServer, str]:
    """Return a running portal and its address; ``server.ckan`` is what it holds."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.ckan = Ckan()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"
