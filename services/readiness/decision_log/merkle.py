"""A tree of hashes over the records of a sealed segment (the form of RFC 6962, section 2.1).

Its root stands in the checkpoint. With a proof of a few hashes, one decision can be shown to be part of a
sealed segment without showing any other decision.
"""

import hashlib
from collections.abc import Sequence


def root(leaves: Sequence[str]) -> str:
    """Return the root over leaves, given and returned in hexadecimal digits."""
    return _root([_leaf(leaf) for leaf in leaves]).hex()


def proof(leaves: Sequence[str], index: int) -> list[str]:
    """Return the hashes that lead from one leaf to the root, the lowest first."""
    return [step.hex() for step in _proof([_leaf(leaf) for leaf in leaves], index)]


def proves(leaf: str, index: int, count: int, steps: Sequence[str], expected: str) -> bool:
    """Tell whether a proof leads from a leaf at its place among ``count`` to the expected root."""
    if not 0 <= index < count:
        return False
    found = _leaf(leaf)
    place, last = index, count - 1
    for step in steps:
        if last == 0:
            return False
        if place % 2 or place == last:
            found = _node(bytes.fromhex(step), found)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = _node(found, bytes.fromhex(step))
        place, last = place >> 1, last >> 1
    return last == 0 and found.hex() == expected


def _leaf(leaf: str) -> bytes:
    return hashlib.sha256(b"\0" + bytes.fromhex(leaf)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _split(count: int) -> int:
    """Return the largest power of two below the count."""
    return 1 << ((count - 1).bit_length() - 1)


def _root(nodes: Sequence[bytes]) -> bytes:
    if not nodes:
        return hashlib.sha256(b"").digest()
    if len(nodes) == 1:
        return nodes[0]
    middle = _split(len(nodes))
    return _node(_root(nodes[:middle]), _root(nodes[middle:]))


def _proof(nodes: Sequence[bytes], index: int) -> list[bytes]:
    if len(nodes) == 1:
        return []
    middle = _split(len(nodes))
    if index < middle:
        return [*_proof(nodes[:middle], index), _root(nodes[middle:])]
    return [*_proof(nodes[middle:], index - middle), _root(nodes[:middle])]
