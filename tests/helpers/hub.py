"""A local stand-in for the Hugging Face Hub, spoken to by its real client.

It does what the client asks of the real one: `resolve` with its headers and error codes, large files on
another host (the "CDN") with ranges, `repos/create`, `preupload`, the LFS batch, `commit`. Xet is off.

    with serve() as hub, client_of(hub, tmp_path):
        commit = hub.commit("owner/repo", {"model.json": b"..."})
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

LARGE = (".safetensors", ".onnx")
TOKEN = "hf_stand_in"  # noqa: S105
RESOLVE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
API = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)/(?P<call>preupload|commit)/(?P<revision>[^/]+)")
BATCH = re.compile(r"/(?P<repository>[^/]+/[^/]+)\.git/info/lfs/objects/batch")


@dataclass
class Repository:
    private: bool = False
    gated: bool = False
    main: str = ""
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)


class Hub(ThreadingHTTPServer):
    """The server: `commit` puts files on it, the public attributes make it misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.cdn = f"http://localhost:{self.server_port}"  # another host, as the real one's
        self.repositories: dict[str, Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []  # "METHOD path", in order
        self.breaks = 0  # so many downloads of large files break off after half of what is left
        self.dead_half = False  # every large file ends in its middle, however often it is resumed
        self.status = 0  # answer everything with this status
        self.lies: dict[str, str] = {}  # headers that take the place of true ones
        self.endless = False  # files have no end, and no length

    def commit(self, name: str, files: dict[str, bytes]) -> str:
        repository = self.repositories.setdefault(name, Repository())
        files = repository.commits.get(repository.main, {}) | files
        repository.main = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()  # noqa: S324
        repository.commits[repository.main] = files
        self.blobs |= {hashlib.sha256(data).hexdigest(): data for data in files.values()}
        return repository.main

    def stop(self) -> None:
        """Be gone: as if the network were."""
        import huggingface_hub

        self.shutdown()
        self.server_close()
        huggingface_hub.close_session()  # else its open connections would still be served

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up."""


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.handle_request()

    def do_GET(self) -> None:
        self.handle_request()

    def do_POST(self) -> None:
        self.handle_request()

    def do_PUT(self) -> None:
        self.handle_request()

    def handle_request(self) -> None:
        path = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {path}")
        body = self.body()
        if self.server.status:
            self.answer(self.server.status)
        elif match := RESOLVE.fullmatch(path):
            self.resolve(**match.groupdict())
        elif path.startswith("/blob/") and self.command == "PUT":
            self.server.blobs[path.removeprefix("/blob/")] = body
            self.answer(200)
        elif path.startswith("/blob/"):
            self.send_blob(self.server.blobs[path.removeprefix("/blob/")])
        elif self.token() != TOKEN:
            self.answer(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif path == "/api/repos/create":
            self.create(json.loads(body))
        elif path == "/api/validate-yaml":
            self.validate(json.loads(body)["content"])
        elif match := BATCH.fullmatch(path):
            self.batch(json.loads(body)["objects"])
        elif (match := API.fullmatch(path)) and match["call"] == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [(name, "lfs" if name.endswith(LARGE) else "regular") for name in names]
            files = [{"path": name, "uploadMode": mode, "shouldIgnore": False} for name, mode in modes]
            self.answer_json({"files": files})
        elif match:
            self.add_commit(match["repository"], [json.loads(line) for line in body.splitlines()])
        else:
            self.answer(404)

    def resolve(self, repository: str, revision: str, file: str) -> None:
        row = self.server.repositories.get(repository)
        if self.token() not in (None, TOKEN):
            return self.answer(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
        if row is None or (row.private and self.token() is None):
            return self.answer(401, {"X-Error-Code": "RepoNotFound"})
        if row.gated:
            return self.answer(403, {"X-Error-Code": "GatedRepo"})
        commit = row.main if revision == "main" else revision
        if commit not in row.commits:
            return self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        if file not in row.commits[commit]:
            return self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        data = row.commits[commit][file]
        digest = hashlib.sha256(data).hexdigest()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{digest}"'}
        headers |= {name: value for name, value in self.server.lies.items() if name in headers}
        if self.server.endless and self.command == "GET":
            return self.send_without_end()
        if not file.endswith(LARGE):
            return self.answer(200, headers, data)
        linked = {"X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        linked |= {name: value for name, value in self.server.lies.items() if name in linked}
        return self.answer(302, headers | linked | {"Location": f"{self.server.cdn}/blob/{digest}"})

    def send_without_end(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):  # the client hangs up
            while self.command != "HEAD":
                self.wfile.write(b"10000\r\n" + b"[" * 0x10000 + b"\r\n")

    def send_blob(self, data: bytes) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        end = len(data)
        if self.server.dead_half:
            end = max(start, len(data) // 2)
        elif self.server.breaks:
            self.server.breaks -= 1
            end = start + (len(data) - start) // 2
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[start:end])
        self.close_connection = end < len(data)

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] != "owner":
            return self.answer(403)
        status = 409 if name in self.server.repositories else 200
        row = Repository(private=asked.get("visibility") == "private")
        self.server.repositories.setdefault(name, row)
        return self.answer_json({"url": f"{self.server.url}/{name}"}, status)

    def validate(self, readme: str) -> None:
        head = yaml.safe_load(readme.split("---")[1])
        bad = not isinstance(head, dict) or "license" not in head
        self.answer_json(
            {"errors": [{"message": "no license"}] if bad else [], "warnings": []}, 400 if bad else 200
        )

    def batch(self, objects: list[dict[str, Any]]) -> None:
        for wanted in objects:
            wanted["actions"] = {"upload": {"href": f"{self.server.cdn}/blob/{wanted['oid']}"}}
        self.answer_json({"transfer": "basic", "objects": objects})

    def add_commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        files = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
        commit = self.server.commit(repository, files)
        url = f"{self.server.url}/{repository}/commit/{commit}"
        self.answer_json({"commitUrl": url, "commitOid": commit, "pullRequestUrl": None})

    def token(self) -> str | None:
        header = self.headers.get("Authorization")
        return header.removeprefix("Bearer ") if header else None

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", self.server.lies.get("Content-Length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, value: Any, status: int = 200) -> None:
        self.answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


@contextlib.contextmanager
def serve() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


@contextlib.contextmanager
def client_of(hub: Hub, home: Path) -> Iterator[None]:
    """Point this process's client, which read its settings when it was imported, at the stand-in."""
    import huggingface_hub
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", hub.url)
        patch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setenv("NO_PROXY", "*")
        patch.delenv("HF_TOKEN", raising=False)
        huggingface_hub.close_session()
        yield
        huggingface_hub.close_session()


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """The settings that point a process of its own at the stand-in."""
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
