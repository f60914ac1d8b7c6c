"""What the engine prints becomes sentences with a remedy."""

import pytest

from infra.errors import BusyError, Exit, PlinthError, StateError
from infra.ops.engine import explain


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (
            "error: getting stack configuration: get stack secrets manager: incorrect passphrase",
            StateError,
            "unset",
        ),
        ("error: failed to load checkpoint: unexpected end of JSON input", StateError, "restores the newest"),
        ("error: the stack is currently locked by 1 lock(s)", BusyError, "pulumi cancel"),
        ("error: something else", PlinthError, "./plinth doctor"),
    ],
)
def test_known_troubles_say_what_to_do(text: str, kind: type[PlinthError], told: str) -> None:
    error = explain(text, "preview", "local")

    assert type(error) is kind
    assert told in str(error)
    assert "local" in str(error)


def test_an_error_without_reason_is_still_told() -> None:
    error = explain("", "up", "local")

    assert "it gave no reason" in str(error)
    assert error.code == Exit.FAILED
