"""A hub that lies, behind `HF_ENDPOINT`: no more than was asked for comes, under no other name."""

import gzip
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from fakes import hostile_tar as tar
from fakes.made_model import COMMIT, FILES, make_model, sha256
from fakes.made_nemo import KEPT, WEIGHTS, archive, make_spec
from swictation.asr.model_spec import ModelFile
from swictation.errors import ModelError
from swictation.models.fetch.fetch import download
from swictation.models.store import record
from swictation.models.store.store import beside, folder_of, state

pytestmark = pytest.mark.process

WHOLE = archive()
MUCH = 96 << 20
"""What a liar sends: many times as much as the model is about."""
SLACK = 1 << 20


class Liar(ThreadingHTTPServer):
    """Serves `wee.nemo`, and says of it what the test wants."""

    daemon_threads = False

    def __init__(self, data=WHOLE, **lies):
        self.data = data
        self.lies = lies
        self.sent_bytes = 0
        self.redirected = []
        super().__init__(("127.0.0.1", 0), LiarHandler)


class LiarHandler(BaseHTTPRequestHandler):
    server: Liar

    def do_HEAD(self):
        self._head(self.server.lies.get("size", len(self.server.data)))

    def do_GET(self):
        lies = self.server.lies
        if "redirect" in lies and self.path.endswith("wee.nemo"):
            self.server.redirected.append(self.path)
            self.send_response(302)
            self.send_header("Location", lies["redirect"])
            self.end_headers()
            return
        if "scolding" in lies:
            lies["status"] = 404
            self._head(None)
            self._send(bytes(1 << 20), lies["scolding"] >> 20)
        elif "endless" in lies:
            self._head(None)
            self._send(bytes(1 << 20), lies["endless"] >> 20)
        elif "gzip" in lies:
            packed = gzip.compress(bytes(lies["gzip"]), 1)
            self._head(len(packed), ("Content-Encoding", "gzip"))
            self._send(packed)
        else:
            data = lies.get("body", self.server.data)
            self._head(lies.get("length", len(data)))
            self._send(data)

    def _head(self, size, *more):
        lies = self.server.lies
        told = {
            "X-Repo-Commit": lies.get("commit", COMMIT),
            "ETag": lies.get("etag", f'"{sha256(self.server.data)}"'),
            "Content-Disposition": lies.get("disposition", "inline"),
        }
        self.send_response(lies.get("status", 200))
        for name, value in (*told.items(), *more):
            self.send_header(name, value)
        if size is not None:
            self.send_header("Content-Length", str(size))
        if "message" in lies:
            self.send_header("X-Error-Message", lies["message"])
        self.end_headers()

    def _send(self, data, times=1):
        try:
            for _ in range(times):
                self.wfile.write(data)
                self.server.sent_bytes += len(data)
        except OSError:
            return  # it was hung up on

    def log_message(self, format, *args):
        pass


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """No hub but the one of the test."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "HF_", "HUGGING")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def serve(monkeypatch):
    running = []

    def start(data=WHOLE, **lies):
        server = Liar(data, **lies)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        running.append((server, thread))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


SPEC = make_spec(WHOLE, is_pinned=False)


def most_on_disk(spec):
    """What the download had at most on the disk, as its progress saw it."""
    seen = [0]

    def progress(done_bytes, total_bytes, what):
        found = beside(spec, "partial").rglob("*")
        seen.append(sum(path.stat().st_size for path in found if path.is_file()))

    return seen, progress


def refused(spec):
    """The error of a download, of which no more than twice the model was ever on the disk."""
    seen, progress = most_on_disk(spec)
    with pytest.raises(ModelError) as caught:
        download(spec, progress)
    left = sum(path.stat().st_size for path in beside(spec, "partial").rglob("*.part"))
    assert max(*seen, left) <= 2 * spec.size_bytes + SLACK
    assert caught.value.message.isprintable()
    assert state(spec) in ("no", "partly")
    return caught.value.message


@pytest.mark.parametrize("is_pinned", [True, False])
@pytest.mark.parametrize(
    "lies",
    [
        {"endless": MUCH},
        {"endless": MUCH, "size": None},
        {"endless": MUCH, "size": 10},
        {"gzip": MUCH},
        {"gzip": MUCH, "size": 10},
    ],
    ids=["endless", "of unknown size", "said to be small", "packed", "packed, said to be small"],
)
def test_a_body_without_end_is_hung_up_on(serve, lies, is_pinned):
    server = serve(**lies)
    refused(make_spec(WHOLE, is_pinned=is_pinned))
    assert server.sent_bytes < MUCH


def test_the_text_of_an_error_without_end_does_not_fill_the_memory(serve):
    server = serve(scolding=2 << 30)
    assert "too much memory" in refused(SPEC)
    assert server.sent_bytes < 1 << 30


def test_a_size_beyond_measure_is_refused_before_the_first_byte(serve):
    server = serve(size=1 << 40)
    assert "may have" in refused(SPEC)
    assert server.sent_bytes == 0


def test_a_body_shorter_than_it_says_is_refused(serve):
    serve(body=WHOLE[:-5000], length=len(WHOLE) - 5000)
    refused(SPEC)


@pytest.mark.parametrize("body", [WHOLE[:-1] + b"x", WHOLE[::-1]], ids=["a bit", "all"])
def test_other_bytes_than_the_etag_says_are_refused(serve, body):
    serve(body=body)
    assert "bytes that do not fit the hub's own hash" in refused(SPEC)


@pytest.mark.parametrize(
    "etag",
    ['"../../../evil"', f'"{"a" * 5000}"', '""', 'W/"x"'],
    ids=["up", "long", "none", "weak"],
)
def test_an_etag_decides_on_no_files_name(serve, tmp_path, etag):
    serve(etag=etag)
    download(SPEC, lambda *_: None)
    assert {path.name for path in folder_of(SPEC).iterdir()} == {*KEPT, "record.json"}
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("commit", ["../../evil", "a" * 41, "\x1b[31m"])
def test_a_commit_that_is_none_is_not_written_down(serve, commit):
    serve(commit=commit)
    download(SPEC, lambda *_: None)
    assert record.read(folder_of(SPEC)).revision == ""


@pytest.mark.parametrize("to", ["/../../evil.nemo", "/x?filename=../../evil.nemo"])
def test_a_redirect_and_a_disposition_give_no_name(serve, tmp_path, to):
    server = serve(redirect=to, disposition='attachment; filename="../../../evil.nemo"')
    download(SPEC, lambda *_: None)
    assert server.redirected
    assert {path.name for path in folder_of(SPEC).iterdir()} == {*KEPT, "record.json"}
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "/again/wee.nemo"])
def test_a_redirect_to_no_hub_leads_nowhere(serve, to):
    serve(redirect=to)
    refused(SPEC)


def test_a_hostile_archive_from_a_hub_is_refused_and_goes(serve, tmp_path):
    data = tar.member(str(tmp_path / "evil").encode()) + tar.good() + tar.END
    serve(data)
    assert "outside its folder" in refused(make_spec(data, is_pinned=False))
    assert not (tmp_path / "evil").exists()
    assert not beside(SPEC, "partial").exists()


def test_what_a_hub_says_of_an_error_is_one_plain_line(serve):
    serve(status=500, message="evil\x1b]0;title\x07" * 50)
    assert len(refused(SPEC)) < 1000


def test_a_weightless_whisper_without_hashes_is_refused(tmp_path, serve, monkeypatch):
    """Of `small` no source tells the hashes: what comes is looked at."""
    (tmp_path / "wheels").mkdir()
    spec = msgspec.structs.replace(
        make_model(tmp_path / "wheels"),
        files=tuple(ModelFile(name) for name in FILES),
        wheels=(),
        about_bytes=len(WEIGHTS),
    )
    serve(b'{"made": "up"}')
    assert "are no model of whisper" in refused(spec)
