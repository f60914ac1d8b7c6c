"""The same request, the same answer: a pinned clock, seeded random numbers, kept private keys.

moto draws identifiers from one seedable generator, but not everything: key material comes from
``os.urandom``, some names from ``uuid`` and ``random``, RSA keys from OpenSSL, and times from
``datetime`` and ``time``. Inside :func:`pinned` all of them follow from a seed, a time and, for
private keys, from what was kept the first time. Outside, and in other threads, they are untouched.
"""

import datetime as dt
import hashlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.core import base_backend
from moto.moto_api._internal import mock_random

_real_time = time.time
_real_urandom = os.urandom


class _Pins(threading.local):
    """What is pinned in this thread; None means the real thing."""

    now: float | None = None
    source: random.Random | None = None
    keys: "Keys | None" = None


_pins = _Pins()


class Keys:
    """Private keys made while one request is handled: kept at first, given back on replay."""

    def __init__(self, kept: tuple[str, ...] | None = None) -> None:
        self._kept = list(kept) if kept is not None else []
        self.made: list[str] = []

    def take(self, make: Callable[[], Any]) -> Any:
        """Return the next kept key, or make one and keep it."""
        if self._kept:
            pem = self._kept.pop(0)
            self.made.append(pem)
            # Made here, kept under a checksum; to check its primes again takes longer than a request.
            return serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
        key = make()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        self.made.append(pem)
        return key


class _ClockMeta(type(dt.datetime)):  # type: ignore[misc]
    """Any datetime counts as an instance, so that moto's ``isinstance`` checks go on working."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, dt.datetime)


class _Clock(dt.datetime, metaclass=_ClockMeta):
    """``datetime`` whose present is the pinned one."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return dt.datetime.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> dt.datetime:  # type: ignore[override]
        return cls.now(dt.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> dt.datetime:  # type: ignore[override]
        return cls.now()


class _DatetimeModule(ModuleType):
    """The ``datetime`` module as moto's modules see it."""

    datetime = _Clock

    def __getattr__(self, name: str) -> Any:
        return getattr(dt, name)


_datetime_module = _DatetimeModule("datetime")


def _time() -> float:
    return _real_time() if _pins.now is None else _pins.now


def _urandom(size: int) -> bytes:
    return _real_urandom(size) if _pins.source is None else _pins.source.randbytes(size)


def _keeping(make: Callable[..., Any]) -> Callable[..., Any]:
    def generate(*args: Any, **kwargs: Any) -> Any:
        if _pins.keys is None:
            return make(*args, **kwargs)
        return _pins.keys.take(lambda: make(*args, **kwargs))

    return generate


def install(journal_id: str, created: float) -> None:
    """Put the pins in place. Once for each process, before moto handles anything.

    Args:
        journal_id: Seed of what moto makes by itself, such as the default VPC of a region.
        created: Seconds since the epoch; the time at which such things appear to have been made.
    """
    time.time = _time
    os.urandom = _urandom
    rsa.generate_private_key = _keeping(rsa.generate_private_key)
    ec.generate_private_key = _keeping(ec.generate_private_key)
    # moto makes the backend of an account and region when it is first looked at, which a read may do, and
    # reads are not recorded. So what is made must not depend on the request, nor the request on it.
    for class_, name in (
        (base_backend.AccountSpecificBackend, "__getitem__"),
        (base_backend.BackendDict, "_create_account_specific_backend"),
    ):
        setattr(class_, name, _apart(getattr(class_, name), journal_id, created))
    _load_apart(journal_id, created)


def _load_apart(journal_id: str, created: float) -> None:
    """Give each module random numbers of its own while it is loaded.

    Some draw identifiers then (the address of EKS clusters), and which request is the first to load a
    module is not the same in each life of the process.
    """
    load = SourceFileLoader.exec_module

    def exec_module(self: SourceFileLoader, module: ModuleType) -> None:
        with pinned(f"{journal_id}/{module.__name__}", created, Keys()):
            load(self, module)
        if module.__name__.startswith("moto."):
            _new.append(module)

    _new.extend(module for name, module in list(sys.modules.items()) if name.startswith("moto."))
    SourceFileLoader.exec_module = exec_module  # type: ignore[method-assign, assignment]


def _apart(make: Callable[[Any, str], Any], journal_id: str, created: float) -> Callable[[Any, str], Any]:
    """Return ``make`` (a backend of an account or region) with random numbers of its own."""

    def made(self: Any, key: str) -> Any:
        if (known := dict.get(self, key)) is not None:
            return known  # both answer with what is there; a dozen such look-ups in each request
        account = getattr(self, "account_id", "-")
        with pinned(f"{journal_id}/{self.service_name}/{account}/{key}", created, Keys()):
            return make(self, key)

    return made


_new: list[ModuleType] = []
"""The moto modules that were loaded and do not have the pinned clock yet."""


def pin_new_modules() -> None:
    """Give the pinned clock to the moto modules that were imported since the last call."""
    while _new:
        module = _new.pop()
        held = getattr(module, "datetime", None)
        if held is dt:
            module.datetime = _datetime_module  # type: ignore[attr-defined]
        elif held is dt.datetime:
            module.datetime = _Clock  # type: ignore[attr-defined]


@contextmanager
def pinned(seed: str, now: float, keys: Keys) -> Iterator[None]:
    """Handle something with the clock at ``now`` and all random numbers from ``seed``."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest())
    outer = (_pins.now, _pins.source, _pins.keys, mock_random.getstate(), random.getstate())
    _pins.now, _pins.source, _pins.keys = now, random.Random(number), keys  # noqa: S311 - meant to repeat
    mock_random.seed(number)
    random.seed(number)
    try:
        yield
    finally:
        _pins.now, _pins.source, _pins.keys = outer[:3]
        mock_random.setstate(outer[3])
        random.setstate(outer[4])
