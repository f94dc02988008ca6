"""The first source of a model: the Hugging Face Hub, through its own library.

As a program (`python -m swictation.models.hub CONNECT_S REPO FOLDER FILE...`) it is the helper
that fetches: the library's settings are the environment's (endpoint, offline mode, proxies, token).
"""

import shutil
import signal
import sys
from pathlib import Path
from types import TracebackType

from swictation.errors import ModelError
from swictation.models.catalog import ModelSpec
from swictation.models.staging import Staging

CONNECT_S = 3
_STALL_S = 30.0
"""The library writes 10 MB at a time: a hub slower than 350 kB/s is left for the wheels."""

_ENV = {
    # xet hands over its bytes in bursts of up to 64 MB: no progress to watch.
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_VERBOSITY": "error",
}


def fetch(spec: ModelSpec, staging: Staging) -> None:
    """Fill `staging.model` from the hub, or from the hub's cache on this machine.

    Raises:
        ModelError: one line saying why not; nothing is known about the files' content.
    """
    names = [file.name for file in spec.files]
    end = staging.run(
        [__name__, str(CONNECT_S), spec.repo, str(staging.incoming), *names],
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
    for name in names:
        (staging.incoming / name).rename(staging.model / name)


def _copy_from_cache(repo: str, folder: Path, names: list[str]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repo, name) for name in names]
    paths = [path for path in found if isinstance(path, str)]
    if len(paths) < len(names):
        return False
    for name, path in zip(names, paths, strict=True):
        shutil.copyfile(path, folder / name)
    return True


def _probe(repo: str, name: str, connect_s: int) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import (
        build_hf_headers,  # pyright: ignore[reportUnknownVariableType]
        get_session,
    )

    # The alarm ends this process: a name server that is silent obeys no timeout of the session.
    signal.alarm(connect_s)
    answer = get_session().head(
        hf_hub_url(repo, name), headers=build_hf_headers(), timeout=connect_s
    )
    signal.alarm(0)
    if answer.status_code >= 400:
        raise ModelError(f"HTTP {answer.status_code} for {repo}")


def _tell_one_line(
    kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    first = next(iter(str(error).strip().splitlines()), "")
    sys.stderr.write(f"{kind.__name__}: {first}\n" if first else f"{kind.__name__}\n")


def main(arguments: list[str]) -> None:
    """Fetch the files of a repository into a folder; on failure end with one line on stderr."""
    sys.excepthook = _tell_one_line
    connect_s, repo, folder, *names = arguments
    from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]

    if _copy_from_cache(repo, Path(folder), names):
        return
    _probe(repo, names[0], int(connect_s))
    for name in names:
        hf_hub_download(repo, name, local_dir=folder)


if __name__ == "__main__":
    main(sys.argv[1:])
