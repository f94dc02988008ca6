"""The first source of a model: the Hugging Face Hub, through its own library.

As a program (`python -m swictation.models.hub CONNECT_S REPO REVISION FOLDER FILE...`) it is the
helper that fetches, and prints the commit: the library's settings are the environment's (endpoint,
offline mode, proxies, token). The library's own downloads begin anew in every process; here a file
grows as `NAME.ETAG.part`, and the next process goes on where this one was killed.
"""

import re
import shutil
import signal
import sys
from pathlib import Path
from types import TracebackType

from swictation.errors import ModelError
from swictation.models.spec import ModelSpec
from swictation.models.staging import Staging

CONNECT_S = 3
_STALL_S = 30.0
_CHUNK_BYTES = 1 << 20
"""The library writes so much at a time: a hub slower than 35 kB/s is left for the wheels."""
_COMMIT = re.compile(r"commit ([0-9a-f]{40})")

_ENV = {
    # xet hands over its bytes in bursts of up to 64 MB: no progress to watch.
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_VERBOSITY": "error",
}


def fetch(spec: ModelSpec, staging: Staging) -> str:
    """Have the files in `staging.incoming`, from the hub or from its cache on this machine.

    What an earlier call left there is gone on with.

    Returns:
        The commit that they are of, or "".

    Raises:
        ModelError: one line saying why not; nothing is known about the files' content.
    """
    names = [file.name for file in spec.files]
    end = staging.run(
        [__name__, str(CONNECT_S), spec.repo, spec.revision, str(staging.incoming), *names],
        env=_ENV,
        what=f"fetching {spec.name} from the hub",
        total_bytes=spec.size_bytes,
        stall_s=_STALL_S,
    )
    if end.stalled:
        raise ModelError(f"nothing arrived for {_STALL_S:.0f} s")
    if end.returncode == -signal.SIGALRM:
        raise ModelError(f"no answer within {CONNECT_S} s")
    if end.returncode != 0:
        raise ModelError(end.lines[-1] if end.lines else f"exit status {end.returncode}")
    told = _COMMIT.fullmatch(end.lines[-1]) if end.lines else None
    return told[1] if told else ""


def _copy_from_cache(repo: str, revision: str, folder: Path, names: list[str]) -> str:
    """The commit of the copies; "" where the cache lacks one."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repo, name, revision=revision) for name in names]
    paths = [Path(path) for path in found if isinstance(path, str)]
    if len(paths) < len(names):
        return ""
    for name, path in zip(names, paths, strict=True):
        shutil.copyfile(path, folder / name)
    return paths[0].parent.name


def _probe(repo: str, revision: str, name: str, connect_s: int) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import (
        build_hf_headers,  # pyright: ignore[reportUnknownVariableType]
        get_session,
    )

    # The alarm ends this process: a name server that is silent obeys no timeout of the session.
    signal.alarm(connect_s)
    answer = get_session().head(
        hf_hub_url(repo, name, revision=revision), headers=build_hf_headers(), timeout=connect_s
    )
    signal.alarm(0)
    if answer.status_code >= 400:
        raise ModelError(f"HTTP {answer.status_code} for {repo}")


def _fetch(repo: str, revision: str, name: str, folder: Path) -> str:
    """Fetch one file, from where an earlier process was with it; the commit that it is of."""
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
    told = get_hf_file_metadata(url)
    done = folder / name
    if not (done.is_file() and told.size == done.stat().st_size):
        # The ETag is the content's own: another one is another file.
        part = folder / f"{name}.{re.sub(r'[^0-9A-Za-z-]', '', told.etag or '')}.part"
        if told.size and part.is_file() and part.stat().st_size > told.size:
            part.unlink()
        with part.open("ab", buffering=0) as sink:
            headers = build_hf_headers()
            http_get(url, sink, resume_size=sink.tell(), headers=headers, expected_size=told.size)
        part.rename(done)
    return told.commit_hash or ""


def _tell_one_line(
    kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    first = next(iter(str(error).strip().splitlines()), "")
    sys.stderr.write(f"{kind.__name__}: {first}\n" if first else f"{kind.__name__}\n")


def main(arguments: list[str]) -> None:
    """Fetch the files of a repository into a folder; on failure end with one line on stderr."""
    sys.excepthook = _tell_one_line
    connect_s, repo, revision, folder, *names = arguments
    commit = _copy_from_cache(repo, revision, Path(folder), names)
    if not commit:
        _probe(repo, revision, names[0], int(connect_s))
        commits = {_fetch(repo, revision, name, Path(folder)) for name in names}
        commit = commits.pop() if len(commits) == 1 else ""
    sys.stdout.write(f"commit {commit}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
