"""YAML documents with the line on which each begins; what would exhaust the reader is refused."""

from collections.abc import Iterator
from typing import Any

import yaml

from policies.core.errors import PolicyError

LARGEST_BYTES = 64 * 1024 * 1024
"""Bytes of a file that are read: a state export of tens of thousands of resources stays below."""
MOST_VALUES = 2_000_000
"""Values of a file, aliases written out: a small file of aliases of aliases can mean billions."""


def documents(text: str, source: str) -> Iterator[tuple[Any, int]]:
    """Give each document that is not empty, with its line from 1.

    Raises:
        PolicyError: It is no YAML, or too large once written out.
    """
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:  # says the type; check_node has just said that there is one
                continue
            _bounded(node, source)
            document = loader.construct_document(node)
            if document is not None:
                yield document, node.start_mark.line + 1
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = f"{source}, line {line + 1}" if line is not None else source
        raise PolicyError("This is not valid YAML.", where=place, fix="Correct the line.") from None
    finally:
        loader.dispose()


def _bounded(node: yaml.Node, source: str) -> None:
    """Refuse a tree that has too many values once its aliases are written out."""
    sizes: dict[int, int | None] = {}

    def size(item: yaml.Node) -> int:
        known = sizes.get(id(item), 0)
        if known is None:
            raise PolicyError(
                "A YAML alias holds itself.", where=source, fix="Write the object without aliases."
            )
        if known:
            return known
        sizes[id(item)] = None
        children: list[yaml.Node] = []
        if isinstance(item, yaml.MappingNode):
            children = [part for pair in item.value for part in pair]
        elif isinstance(item, yaml.SequenceNode):
            children = item.value
        total = 1 + sum(size(child) for child in children)
        if total > MOST_VALUES:
            raise PolicyError(
                f"The YAML has more than {MOST_VALUES} values once its aliases are written out.",
                where=source,
                fix="Give rendered manifests, without aliases of aliases.",
            )
        sizes[id(item)] = total
        return total

    size(node)
