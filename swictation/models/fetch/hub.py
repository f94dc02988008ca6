"""The first source of a model: the Hugging Face Hub, through its own library.

As a program it is the helper that fetches, and prints the commit: `python -m` with CONNECT_S REPO
REVISION FOLDER FILE:BYTES... The library takes its settings from the environment (endpoint, offline
mode, proxies, token). Only files that we name are fetched, and none may be larger than its BYTES,
whatever the hub, its redirects and their headers say. The library's own downloads start again in
every process; here a file grows as `NAME.KEY.part`, and the next process resumes it.
"""

import hashlib
import re
import signal
import sys
from pathlib import Path
from types import TracebackType

from swictation.asr.model_spec import ModelSpec
from swictation.errors import ModelError
from swictation.models.fetch.staging import Helper, Staging
from swictation.models.intake.door import Sink, open_given, pieces_of, receive, shown
from swictation.models.store.checks import measure

CONNECT_S = 3
_LONGEST_LINE = 300
_STALL_S = 30.0
_CHUNK_BYTES = 1 << 20
"""The library writes this much at a time; if the hub is slower than 35 kB/s, the wheels are used.
"""
_SHA256 = re.compile(r"[0-9a-f]{64}")
"""The hub's ETag of a large file is the hash of its content."""
_COMMIT = re.compile(r"commit ([0-9a-f]{40})")

_ENV = {
    # xet writes in bursts of up to 64 MB, which would look like a stall.
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_VERBOSITY": "error",
}


def fetch(spec: ModelSpec, staging: Staging) -> str:
    """Fetch the files into `staging.incoming`, from the hub or from its cache on this machine.

    What an earlier call left there is resumed. The files' content is not checked here.

    Returns:
        Their commit, or "".

    Raises:
        ModelError: they cannot be fetched; one line says why.
    """
    limits = {file.name: spec.most_bytes(file) for file in spec.files}
    wanted = [f"{name}:{most_bytes}" for name, most_bytes in limits.items()]
    end = staging.run(
        Helper(
            (__name__, str(CONNECT_S), spec.repo, spec.revision, str(staging.incoming), *wanted),
            f"fetching {spec.name} from the hub",
            _ENV,
            total_bytes=spec.size_bytes,
            most_bytes=sum(limits.values()),
            stall_s=_STALL_S,
        )
    )
    if end.returncode == -signal.SIGALRM:
        raise ModelError(f"no answer within {CONNECT_S} s")
    if end.returncode != 0:
        raise ModelError(end.last_words)
    commit = _COMMIT.fullmatch(end.last_words)
    return commit[1] if commit else ""


def _copy_from_cache(repo: str, revision: str, folder: Path, limits: dict[str, int]) -> str:
    """Copy the files from the library's cache; returns their commit, "" if one is missing."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repo, name, revision=revision) for name in limits]
    paths = [Path(path) for path in found if isinstance(path, str)]
    if len(paths) < len(limits):
        return ""
    for (name, most_bytes), path in zip(limits.items(), paths, strict=True):
        (folder / name).unlink(missing_ok=True)
        with open_given(path) as source:
            receive(pieces_of(source), folder, name, most_bytes)
    return paths[0].parent.name


def _probe(repo: str, revision: str, name: str, connect_s: int) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import (
        build_hf_headers,  # pyright: ignore[reportUnknownVariableType]
        get_session,
    )

    # The alarm ends this process: the session's timeout does not cover a silent name server.
    signal.alarm(connect_s)
    answer = get_session().head(
        hf_hub_url(repo, name, revision=revision), headers=build_hf_headers(), timeout=connect_s
    )
    signal.alarm(0)
    if answer.status_code >= 400:
        raise ModelError(f"HTTP {answer.status_code} for {repo}")


def _fetch(repo: str, revision: str, name: str, most_bytes: int, folder: Path) -> str:
    """Fetch one file, resuming what an earlier process left; returns its commit."""
    from huggingface_hub import (
        constants,
        get_hf_file_metadata,  # pyright: ignore[reportUnknownVariableType]
        hf_hub_url,
    )
    from huggingface_hub.file_download import (
        http_get,  # pyright: ignore[reportUnknownVariableType]
    )
    from huggingface_hub.utils import (
        build_hf_headers,  # pyright: ignore[reportUnknownVariableType]
    )

    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES
    url = hf_hub_url(repo, name, revision=revision)
    metadata = get_hf_file_metadata(url)
    size_bytes, etag = metadata.size, metadata.etag or ""
    if size_bytes is not None and not 0 <= size_bytes <= most_bytes:
        raise ModelError(f"{name} has {size_bytes} bytes there, but may have {most_bytes}")
    done = folder / name
    if not (done.is_file() and size_bytes == done.stat().st_size):
        # The ETag belongs to the content: with another ETag it is another file.
        part = folder / f"{name}.{hashlib.sha256(etag.encode()).hexdigest()[:16]}.part"
        most_bytes = most_bytes if size_bytes is None else size_bytes
        if part.is_file() and part.stat().st_size > most_bytes:
            part.unlink()
        with Sink(folder, part.name, most_bytes, goes_on=True) as sink:
            headers = build_hf_headers()
            http_get(url, sink, resume_size=sink.tell(), headers=headers, expected_size=size_bytes)
        if _SHA256.fullmatch(etag) and measure(part).sha256 != etag:
            part.unlink()
            raise ModelError(f"{name} came with bytes that do not fit the hub's own hash")
        part.rename(done)
    return metadata.commit_hash or ""


def _print_one_line(
    kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    message = "it takes too much memory" if kind is MemoryError else str(error)
    first = next(iter(message.strip().splitlines()), "")
    first = shown(first, _LONGEST_LINE)
    sys.stderr.write(f"{kind.__name__}: {first}\n" if first else f"{kind.__name__}\n")


def main(arguments: list[str]) -> None:
    """Fetch the files of a repository into a folder; on failure end with one line on stderr."""
    sys.excepthook = _print_one_line
    connect_s, repo, revision, folder, *wanted = arguments
    limits = {name: int(most) for name, _, most in (each.rpartition(":") for each in wanted)}
    commit = _copy_from_cache(repo, revision, Path(folder), limits)
    if not commit:
        _probe(repo, revision, next(iter(limits)), int(connect_s))
        commits = {_fetch(repo, revision, *each, Path(folder)) for each in limits.items()}
        commit = commits.pop() if len(commits) == 1 else ""
    sys.stdout.write(f"commit {commit}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
