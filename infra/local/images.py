"""The laptop's image store: built bentos, addressed by the digest of their content.

In production a pod names an image in ECR by digest. Locally the same reference names a folder
here, so that "which bytes serve" has one answer in both places. A folder is written once, made
read-only, and refused when its content no longer gives its name.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.errors import PlatformError, PlinthError
from infra.local.paths import home

BUILD_COMMAND = "./plinth up"
"""The command that builds the services' bentos and puts them here; named in error messages."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = re.compile(r"(?P<repository>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})")
_CHUNK = 1 << 20
"""Bytes read at a time while hashing: large enough for speed, small beside a model's size."""

_SKIPPED = frozenset({"__pycache__"})
"""Compiled files differ from run to run: left out when a bento is stored. In a stored image they are
a change like any other, since Python would run them."""


class ImageMissingError(PlinthError):
    """The image was never put into this store."""


class ImageTamperedError(PlinthError):
    """The folder's content is not what its name says; it must not be served."""


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """An image by content: ``<repository>@sha256:<digest>``."""

    repository: str
    digest: str
    """``sha256:`` and 64 hexadecimal digits."""

    def __str__(self) -> str:
        """Return the reference as it stands in a pod's ``image``."""
        return f"{self.repository}@{self.digest}"

    @classmethod
    def parse(cls, reference: str) -> "ImageRef":
        """Read a pod's ``image``.

        Raises:
            PlinthError: The reference has no digest; a tag can move, so it is not accepted.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise PlinthError(
                f"image {reference!r} is not of the form <repository>@sha256:<64 hex digits>",
                fix="name the image by digest; a tag can move to other bytes",
            )
        return cls(repository=match["repository"], digest=match["digest"])


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image whose content was found to match its digest."""

    digest: str
    service: str
    created: str
    """RFC 3339, UTC."""
    bento: Path
    meta: Mapping[str, object]


def store_dir() -> Path:
    """Return the folder that holds one folder for each image."""
    return home() / "local" / "images"


def digest_of(folder: Path, *, skipped: Collection[str] = ()) -> str:
    """Return the content digest of a folder, the same on every machine.

    Covered are relative path, kind, executable bit and bytes of every file, in the order of the
    paths' bytes, but for folders named in ``skipped``. Time stamps and owners are not: they differ
    between two builds of one source.

    Raises:
        PlinthError: The folder holds a link or a device; what it stands for is not in the folder.
    """
    outer = hashlib.sha256()
    for path in _files(folder, skipped):
        relative = path.relative_to(folder).as_posix()
        executable = bool(path.stat().st_mode & stat.S_IXUSR)
        inner = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                inner.update(chunk)
        # A path cannot hold NUL, so no two lists of files give the same stream.
        outer.update(f"{relative}\0{'x' if executable else '-'}\0{inner.hexdigest()}\n".encode())
    return f"sha256:{outer.hexdigest()}"


def put(
    bento_dir: Path,
    service: str,
    meta: Mapping[str, object] | None = None,
    *,
    repository: str | None = None,
) -> ImageRef:
    """Copy a built bento into the store and return its reference; a second call changes nothing.

    Args:
        bento_dir: The folder of the built bento.
        service: The service's name, for people.
        meta: What else should be kept beside the image; JSON values, no secrets.
        repository: What the reference names before the ``@``, best the one that production pulls from
            (``plinth.local/<service>`` otherwise); only the digest is looked up.

    Raises:
        PlinthError: The folder is missing, empty or holds links.
    """
    if not bento_dir.is_dir() or next(_files(bento_dir, _SKIPPED), None) is None:
        raise PlinthError(f"{bento_dir} is not a built bento", fix="build it first: bentoml build")
    repository = repository or f"plinth.local/{service}"
    digest = digest_of(bento_dir, skipped=_SKIPPED)
    target = _folder(digest)
    if target.exists():
        try:
            get(digest)
        except ImageTamperedError:
            _remove(target)  # the true content is at hand, so the damage can be repaired
        else:
            return ImageRef(repository=repository, digest=digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.parent / f".draft-{secrets.token_hex(8)}"
    try:
        shutil.copytree(bento_dir, draft / "bento", ignore=shutil.ignore_patterns(*_SKIPPED))
        record = {
            "bento": "bento",
            "service": service,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "meta": dict(meta or {}),
        }
        (draft / "image.json").write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
        if digest_of(draft / "bento") != digest:
            raise PlatformError(f"{bento_dir} changed while it was copied", fix="build and put it again")
        _make_read_only(draft / "bento")
        _publish(draft, target)
    finally:
        if draft.exists():
            _remove(draft)
    return ImageRef(repository=repository, digest=digest)


def get(digest: str) -> Image:
    """Return the image after hashing its whole content again.

    Raises:
        ImageMissingError: There is no such image here.
        ImageTamperedError: Its content differs from its digest, or its record cannot be read.
    """
    folder = _folder(digest)
    if not folder.is_dir():
        raise ImageMissingError(
            f"image {digest} is not in the local store {store_dir()}",
            fix=f"build it and put it there: {BUILD_COMMAND}",
        )
    try:
        record = json.loads((folder / "image.json").read_text())
        bento = folder / "bento"
        if record["bento"] != "bento":
            raise ValueError("image.json names another folder")  # noqa: TRY301 - one place for all damage
        actual = digest_of(bento)
        image = Image(
            digest=digest,
            service=str(record["service"]),
            created=str(record["created"]),
            bento=bento,
            meta=record.get("meta", {}),
        )
    except (OSError, ValueError, KeyError, TypeError, PlinthError) as error:
        raise ImageTamperedError(
            f"image {digest} is damaged: {error}",
            where=str(folder),
            fix=f"remove the folder, then {BUILD_COMMAND}",
        ) from error
    if actual != digest:
        raise ImageTamperedError(
            f"image {digest} was changed after it was stored: its content now gives {actual}",
            where=str(folder),
            fix=f"find out who wrote there, remove the folder, then {BUILD_COMMAND}",
        )
    return image


def list_digests() -> list[str]:
    """Return the digests of all images here, sorted; their content is not verified."""
    if not store_dir().is_dir():
        return []
    names = (entry.name.replace("-", ":", 1) for entry in store_dir().iterdir())
    return sorted(name for name in names if _DIGEST.fullmatch(name))


def gc(keep: Iterable[str]) -> list[str]:
    """Remove every image whose digest is not in ``keep``; return the digests removed, sorted."""
    wanted = set(keep)
    removed = [digest for digest in list_digests() if digest not in wanted]
    for digest in removed:
        _remove(_folder(digest))
    return removed


def _folder(digest: str) -> Path:
    if _DIGEST.fullmatch(digest) is None:
        raise PlinthError(f"{digest!r} is not a digest", fix="give sha256: and 64 hexadecimal digits")
    return store_dir() / digest.replace(":", "-", 1)


def _files(folder: Path, skipped: Collection[str]) -> Iterator[Path]:
    """Yield the files under ``folder`` in the order of their paths' bytes."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skipped]
        for name in (*folders, *names):
            path = Path(root, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise PlinthError(f"{path} is a link or a device; an image holds plain files only")
        found.extend(Path(root, name) for name in names)
    yield from sorted(found, key=lambda path: os.fsencode(path.relative_to(folder).as_posix()))


def _make_read_only(folder: Path) -> None:
    """Take the write bits away, against accidents; the digest is what guards against intent."""
    for root, _folders, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            path.chmod(path.stat().st_mode & ~0o222)
        Path(root).chmod(0o555)


def _publish(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        # Another process put the same content first; its copy is as good as ours.


def _remove(folder: Path) -> None:
    """Remove a read-only image folder; hidden first, so that nobody finds half of it."""
    doomed = folder.parent / f".doomed-{secrets.token_hex(8)}"
    folder.rename(doomed)
    for root, _folders, _names in os.walk(doomed):
        Path(root).chmod(0o755)
    shutil.rmtree(doomed)
