"""Random identifiers without a system call for each: one costs more than the rest of an identifier."""

import os

POOL_BYTES = 4096
"""Taken at once from the system's generator: 256 identifiers."""

_pool = bytearray()


def random_hex(count: int) -> str:
    """Return so many fresh random bytes as hexadecimal digits; call from one thread only."""
    if len(_pool) < count:
        _pool[:] = os.urandom(max(POOL_BYTES, count))
    taken = _pool[-count:]
    del _pool[-count:]
    return taken.hex()


# Two processes must never give the same bytes.
os.register_at_fork(after_in_child=_pool.clear)
