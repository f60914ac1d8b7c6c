"""What moto works out again for each request, worked out once: the same answers for less time.

A bring-up sends thousands of requests, a drill tens of thousands, and a start replays them all, so what one
request costs is what the local platform costs. Nothing here decides anything: each shortcut keeps a result
that follows from moto's code alone, or leaves out work whose result is nothing. ``./plinth bench journal``
prints what a request costs; the replay of a journal that was written without them proves that they change
no answer.
"""

import gc
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, cast

from moto.backends import get_backend
from moto.core import errors, loaders, responses, utils
from moto.core.base_backend import BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam import models as iam
from moto.moto_proxy.proxy3 import MotoRequestHandler

MAX_HOSTS = 4096
"""Host names whose service is remembered, a few hundred bytes each: every bucket is a host of its own."""

YOUNG_OBJECTS = 50_000
"""Objects between two looks for garbage that refers to itself: each request leaves hundreds, and all that
the API knows is looked through now and then. Python's default of 700 costs a sixth of a replay."""

Handler = Callable[[Any, str, Any], Any]


class Routes:
    """Which of moto's handlers answers a request: by host, then by path, each pattern compiled once.

    moto makes the table of a service's paths for each request, and loads the one of S3 from its file.
    """

    def __init__(self) -> None:
        self._service = lru_cache(MAX_HOSTS)(MotoRequestHandler(0).get_backend_for_host)
        self._tables: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}

    def handler(self, host: str, path: str) -> Handler | None:
        """Return what answers; None when moto knows no such service or path. Imports the service at first.

        Args:
            host: Scheme and host.
            path: Path and query.
        """
        service = self._service(host)
        if not service:
            return None
        if service not in self._tables:
            self._tables[service] = _table(service)
        bare = path.split("?", 1)[0]
        return next((handler for pattern, handler in self._tables[service] if pattern.match(bare)), None)


def _table(service: str) -> list[tuple[re.Pattern[str], Handler]]:
    """Return a service's paths in moto's order; which region's they are makes no difference."""
    backends: Any = get_backend(cast("Any", service))
    if isinstance(backends, BackendDict):
        regions = backends[DEFAULT_ACCOUNT_ID]
        backend: Any = regions["us-east-1" if "us-east-1" in regions else "aws"]
    else:
        backend = backends["global"]
    return [(re.compile(path), handler) for path, handler in backend.url_paths.items()]


def install() -> None:
    """Put the shortcuts in place; a second call changes nothing. After all that adds methods to moto."""
    if hasattr(iam.get_account_id_from, "__wrapped__"):
        return
    # Names of a class's methods: `inspect` looks at every attribute, and answers the same each time.
    setattr(responses, "method_names_from_class", cache(utils.method_names_from_class))  # noqa: B010 - as in completions
    # Errors of a service by code: made anew for each error from its model, of which there is one.
    factory: Any = errors.ErrorLookupFactory
    factory._create_error_lut = staticmethod(cache(factory._create_error_lut))  # noqa: SLF001 - the only place
    # What loads the services' models looks through all of botocore's folders before the first one.
    setattr(utils, "create_loader", cache(loaders.create_loader))  # noqa: B010 - the same
    setattr(iam, "get_account_id_from", _owner(iam.get_account_id_from))  # noqa: B010 - the same


def collect_rarely() -> None:
    """Look for garbage less often; for the process of the API, which does nothing else."""
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)


def _owner(original: Callable[[str], str]) -> Callable[[str], str]:
    """Return the look-up of an access key's account that makes nothing.

    moto looks into every partition of AWS (China, GovCloud, ...) and makes its IAM for that: 1500 managed
    policies each. Where nobody has been is no key, so looking at what is there finds the same.
    """

    def get_account_id_from(access_key: str) -> str:
        for account, partitions in list(iam.iam_backends.items()):
            if any(access_key in there.access_keys for there in list(partitions.values())):
                return account
        return DEFAULT_ACCOUNT_ID

    get_account_id_from.__wrapped__ = original  # type: ignore[attr-defined]
    return get_account_id_from
