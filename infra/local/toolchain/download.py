"""Downloads of release archives: by address and hash, into place only when whole."""

import contextlib
import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from infra.errors import PlatformError

ANSWER_SECONDS = 4.0
"""A server that has not answered by then is taken as out of reach, and the part is built instead."""
ATTEMPTS = 3
"""How often a download that broke off, or came out wrong, is tried again."""
PAUSE_SECONDS = 1.0
"""Wait before the second attempt; doubled for the third."""
CHUNK_BYTES = 1 << 20

Watch = Callable[[int, int | None], None]
"""Called with the bytes so far, and the bytes in all where the server says so."""


class OutOfReachError(Exception):
    """The server did not answer within a few seconds: not a fault, another way is taken."""


class _CutOffError(Exception):
    """The download ended early or has the wrong hash."""


def fetch(
    url: str, sha256: str, target: Path, *, watch: Watch | None = None, pause: float = PAUSE_SECONDS
) -> None:
    """Download a file, check its hash, and put it in place in one step.

    Args:
        url: Where it lies.
        sha256: What it must be, hexadecimal.
        target: Where it goes; never holds a part of the file.
        watch: Told of progress.
        pause: Seconds before the second attempt.

    Raises:
        OutOfReachError: The server does not answer, or does not have the file.
        PlatformError: Every attempt was cut off or gave other content.
    """
    trouble = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=target.parent)
        os.close(handle)
        partial = Path(name)
        try:
            _download(url, sha256, partial, watch)
            partial.replace(target)
        except _CutOffError as error:
            trouble = str(error)
        else:
            return
        finally:
            partial.unlink(missing_ok=True)
    raise PlatformError(
        f"The download came out wrong {ATTEMPTS} times: {trouble}.",
        where=url,
        fix="Check the connection and run the command again; nothing was installed.",
    )


def unpack(archive: Path, target: Path) -> None:
    """Unpack a tar archive into a folder; links and paths that lead out of it are refused.

    Raises:
        PlatformError: The archive is damaged or holds such an entry.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as content:
            content.extractall(target, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise PlatformError(f"The archive cannot be unpacked: {error}.", where=str(archive)) from error


def _download(url: str, sha256: str, partial: Path, watch: Watch | None) -> None:
    digest = hashlib.sha256()
    try:
        # The address comes from parts.toml, and the hash decides.
        reply = urllib.request.urlopen(url, timeout=ANSWER_SECONDS)  # noqa: S310
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise OutOfReachError(str(error)) from error
    with reply, partial.open("wb") as file:
        announced = reply.headers.get("Content-Length")
        total = int(announced) if announced and announced.isdigit() else None
        done = 0
        try:
            while chunk := reply.read(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if watch:
                    watch(done, total)
        except (http.client.IncompleteRead, ConnectionError, TimeoutError) as error:
            raise _CutOffError(f"the connection broke off after {done} bytes") from error
    if total is not None and done < total:
        raise _CutOffError(f"it ended after {done} of {total} bytes")
    if digest.hexdigest() != sha256:
        raise _CutOffError(f"its hash is {digest.hexdigest()}, not {sha256}")


def free_gib(folder: Path) -> float:
    """Return the free disk space where the folder is, or will be, in GiB."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / (1 << 30)


def folder_gib(folder: Path) -> float:
    """Return what the files under a folder take on disk, GiB; files that vanish meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(place) / name).lstat().st_size
    return total / (1 << 30)
