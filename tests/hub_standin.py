"""A model hub on 127.0.0.1 that the installed clients accept: repositories in memory, with faults
on demand.

`HubStandin` answers what `datasets`, `huggingface_hub` and `transformers` ask when they list,
stream and download. It knows two accounts, refuses as the hub does (status, X-Error-Code,
X-Error-Message), and a repository may be told to break. It takes uploads as its clients make them
without xet: a repository is made, small files come inside the commit, large ones by LFS. Every file
lies behind its own address: no redirects to a storage.

The clients read HF_ENDPOINT when they are imported, so whoever tests with it starts a process of
its own.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

MEMBER = "hf_memberOf7groups"  # an account that may read everything
VISITOR = "hf_visitor"  # a valid account that was granted nothing
PIECE = 1 << 15  # bytes sent at once


@dataclass
class Repository:
    """Files by path, who may read them, and how reading them goes wrong.

    Fields: tags: other names of the one revision. broken: every answer to a file is this status.
    hiccup: every so many-th answer is `hiccup_status` (0: the connection is reset). stops_after:
    bytes after which the hub is gone.
    """

    files: dict[str, bytes]
    gated: bool = False
    private: bool = False
    tags: tuple[str, ...] = ()
    moved_to: str = ""
    broken: int = 0
    hiccup: int = 0
    hiccup_status: int = 503
    stops_after: int = 0
    commit: str = ""
    asked: int = field(default=0, init=False)
    sent: int = field(default=0, init=False)

    @property
    def sha(self) -> str:
        """The one revision: it changes with every file, unless `commit` fixes it."""
        if self.commit:
            return self.commit
        digest = hashlib.sha1()
        for name, data in sorted(self.files.items()):
            digest.update(name.encode() + data)
        return digest.hexdigest()


class HubStandin:
    """The server; `repositories` maps ("dataset" or "model", id) to a Repository. Use as a context
    manager.

    `blobs` has what LFS was given, by SHA-256. `log` has (method, path, status) of every answer;
    `is_gone` closes every connection without an answer; `left_at` is when (time.monotonic) a
    repository that stops made it so.
    """

    def __init__(self, repositories: dict[tuple[str, str], Repository]):
        self.repositories = repositories
        self.log: list[tuple[str, str, int]] = []
        self.blobs: dict[str, bytes] = {}
        self.is_gone, self.left_at = False, 0.0
        self.lock = threading.Lock()
        handler = type("Bound", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> HubStandin:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Refusal(Exception):
    def __init__(self, status: int, message: str, code: str = "", **headers: str):
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


class _Handler(BaseHTTPRequestHandler):
    hub: HubStandin
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self._read_body()
        if self.hub.is_gone:
            return self._hang_up()
        try:
            self._answer(urlsplit(self.path), body)
        except _Refusal as refusal:
            self._refuse(refusal)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_GET

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, url, body: bytes) -> None:
        path = unquote(url.path)
        if path == "/api/whoami-v2":
            self._account()
            return self._json({"type": "user", "name": "somebody", "orgs": []})
        if self._upload(path, body):
            return None
        form = body.decode()
        api = re.fullmatch(
            r"/api/(dataset|model)s/([^/]+(?:/(?!tree/|revision/|paths-info/|refs$)[^/]+)?)(/.*)?",
            path,
        )
        if api:
            kind, name, rest = api.groups()
            repository = self._find(kind, name)
            return self._describe(name, repository, rest or "", parse_qs(url.query), form)
        stored = re.fullmatch(r"/(datasets/)?([^/]+/[^/]+|[^/]+)/resolve/([^/]+)/(.+)", path)
        if stored:
            kind = "dataset" if stored[1] else "model"
            repository = self._find(kind, stored[2])
            self._check_terms(stored[2], repository)
            return self._file(repository, stored[3], stored[4])
        raise _Refusal(404, "Sorry, we can't find the page you are looking for.")

    # --- what is uploaded ---

    def _upload(self, path: str, body: bytes) -> bool:
        """Answer what belongs to an upload; whether it did."""
        if path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif found := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            self._writable(found[1])
            self._json({"files": [_mode(file) for file in json.loads(body)["files"]]})
        elif found := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            self._writable(found[1])
            self._json({"objects": [self._place(one) for one in json.loads(body)["objects"]]})
        elif found := re.fullmatch(r"/storage/(\w+)", path):
            self._store(found[1], body)
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            self._commit(found[1], self._writable(found[1]), body)
        else:
            return False
        return True

    def _may_write(self, name: str) -> None:
        """MEMBER's account may write everywhere."""
        token = self._account()
        if not token:
            raise _Refusal(401, "Invalid username or password.")
        if token != MEMBER:
            raise _Refusal(403, f"You don't have the rights to write to {name}")

    def _writable(self, name: str) -> Repository:
        self._may_write(name)
        return self._find("model", name)

    def _create(self, wanted: dict) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        self._may_write(name)
        if ("model", name) in self.hub.repositories:
            raise _Refusal(409, "You already created this model repo")
        is_private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self.hub.repositories["model", name] = Repository({}, private=is_private)
        self._json({"url": f"{self.hub.url}/{name}", "name": name})

    def _place(self, wanted: dict) -> dict:
        upload = {"href": f"{self.hub.url}/storage/{wanted['oid']}", "header": {}}
        return {"oid": wanted["oid"], "size": wanted["size"], "actions": {"upload": upload}}

    def _store(self, oid: str, body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise _Refusal(400, "These bytes have another SHA-256")
        self.hub.blobs[oid] = body
        self._json({})

    def _commit(self, name: str, repository: Repository, body: bytes) -> None:
        for line in body.splitlines():
            step = json.loads(line)
            value = step["value"]
            if step["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif step["key"] == "lfsFile":
                repository.files[value["path"]] = self.hub.blobs[value["oid"]]
            elif step["key"] == "deletedFile":
                del repository.files[value["path"]]
        self._json(
            {
                "commitUrl": f"{self.hub.url}/{name}/commit/{repository.sha}",
                "commitOid": repository.sha,
                "pullRequestUrl": None,
            }
        )

    # --- who may see what ---

    def _account(self) -> str:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in ("", MEMBER, VISITOR):
            raise _Refusal(401, "Invalid credentials in Authorization header")
        return token

    def _find(self, kind: str, name: str) -> Repository:
        token = self._account()
        repository = self.hub.repositories.get((kind, name))
        if repository is None or (repository.private and token != MEMBER):
            if token:
                raise _Refusal(404, "Repository not found", "RepoNotFound")
            raise _Refusal(401, "Invalid username or password.", "RepoNotFound")
        if repository.moved_to:
            location = self.path.replace(name, repository.moved_to, 1)
            raise _Refusal(307, "Moved", Location=location)
        return repository

    def _check_terms(self, name: str, repository: Repository) -> None:
        token = self._account()
        if not repository.gated or token == MEMBER:
            return
        if token:
            text = f"Access to dataset {name} is restricted and you are not in the authorized list."
            raise _Refusal(403, text, "GatedRepo")
        text = f"Access to dataset {name} is restricted. You must have access to it and log in."
        raise _Refusal(401, text, "GatedRepo")

    # --- what is there ---

    def _describe(
        self, name: str, repository: Repository, rest: str, query: dict, form: str
    ) -> None:
        _, what, revision, below = [*rest.split("/", 3), "", "", ""][:4]
        if what == "refs":
            branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": repository.sha}
            return self._json({"branches": [branch], "tags": [], "converts": []})
        self._check_revision(repository, revision or "main")
        if what == "tree":
            deep = query.get("recursive", ["false"])[0].lower() in ("true", "1")
            return self._json(_listing(repository, below.strip("/"), deep))
        if what == "paths-info":
            wanted = [path.strip("/") for path in parse_qs(form).get("paths", [])]
            everything = _listing(repository, "", deep=True)
            return self._json([entry for entry in everything if entry["path"] in wanted])
        self._json(
            {
                "id": name,
                "sha": repository.sha,
                "private": repository.private,
                "gated": "auto" if repository.gated else False,
                "disabled": False,
                "tags": [],
                "cardData": _front_matter(repository),
                "siblings": [{"rfilename": path} for path in repository.files],
                "createdAt": "2026-02-03T04:05:06.000Z",
                "lastModified": "2026-02-03T04:05:06.000Z",
            }
        )

    def _check_revision(self, repository: Repository, revision: str) -> None:
        if unquote(revision) not in ("main", repository.sha, *repository.tags):
            raise _Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def _file(self, repository: Repository, revision: str, name: str) -> None:
        self._check_revision(repository, revision)
        data = repository.files.get(name)
        if data is None:
            raise _Refusal(404, "Entry not found", "EntryNotFound")
        if self.command == "GET" and name.endswith((".parquet", ".jsonl", ".csv", ".safetensors")):
            self._break_in(repository)
        begin, end, status = 0, len(data), 200
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if part:
            begin, status = int(part[1]), 206
            end = min(int(part[2]) + 1, end) if part[2] else end
        if begin >= end and part:
            raise _Refusal(416, "Range not satisfiable")
        self._begin(status)
        self.send_header("X-Repo-Commit", repository.sha)
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - begin))
        if part:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
        self.end_headers()
        if self.command == "GET":
            self._stream(repository, io.BytesIO(data[begin:end]))

    def _stream(self, repository: Repository, data: io.BytesIO) -> None:
        while piece := data.read(PIECE):
            with self.hub.lock:
                repository.sent += len(piece)
                is_over = 0 < repository.stops_after <= repository.sent
            if is_over:
                if not self.hub.is_gone:
                    self.hub.is_gone, self.hub.left_at = True, time.monotonic()
                return self._hang_up()
            self.wfile.write(piece)

    def _break_in(self, repository: Repository) -> None:
        with self.hub.lock:
            repository.asked += 1
            is_turn = repository.hiccup and repository.asked % repository.hiccup == 0
        if repository.broken:
            raise _Refusal(repository.broken, "Internal error, we are working on it")
        if is_turn and not repository.hiccup_status:
            raise ConnectionResetError
        if is_turn and repository.hiccup_status == 429:
            limit = '"resolvers";r=0;t=1'
            raise _Refusal(429, "We had to rate limit your IP.", RateLimit=limit)
        if is_turn:
            raise _Refusal(repository.hiccup_status, "Internal error, we are working on it")

    # --- how it is said ---

    def _begin(self, status: int) -> None:
        self.hub.log.append((self.command, self.path, status))
        self.send_response(status)
        self.send_header("X-Request-Id", "Root=1-40140340-401403401403401403401403")

    def _json(self, value: object) -> None:
        self._body(200, value)

    def _refuse(self, refusal: _Refusal) -> None:
        headers = {"X-Error-Message": str(refusal), **refusal.headers}
        if refusal.code:
            headers["X-Error-Code"] = refusal.code
        self._body(refusal.status, {"error": str(refusal)}, headers)

    def _body(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self._begin(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def log_message(self, *_: object) -> None:
        """Nothing on the console; `HubStandin.log` has it."""


def _mode(file: dict) -> dict[str, object]:
    """How a file is to be uploaded: numbers by LFS, texts inside the commit."""
    mode = "lfs" if file["path"].endswith(".safetensors") else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}


def _front_matter(repository: Repository) -> dict[str, str]:
    """The licence alone: what the product reads of a card."""
    text = repository.files.get("README.md", b"").decode()
    found = re.search(r"^license: *(\S+)", text, re.MULTILINE)
    return {"license": found[1]} if found else {}


def _listing(repository: Repository, below: str, deep: bool) -> list[dict[str, object]]:
    start = f"{below}/" if below else ""
    entries: dict[str, dict[str, object]] = {}
    for path, data in sorted(repository.files.items()):
        if not path.startswith(start):
            continue
        steps = path.removeprefix(start).split("/")
        for depth in range(1, len(steps)):
            folder = start + "/".join(steps[:depth])
            if deep or depth == 1:
                entries[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        if deep or len(steps) == 1:
            oid = hashlib.sha1(data).hexdigest()
            entries[path] = {"type": "file", "path": path, "oid": oid, "size": len(data)}
    if below and not entries:
        raise _Refusal(404, f"{below} does not exist on this revision", "EntryNotFound")
    return list(entries.values())
