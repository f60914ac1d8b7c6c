"""Any stack has an emulated copy: the same settings but for four keys, and no secret of the real one."""

from pathlib import Path

import pytest

from infra.errors import PlinthError
from infra.local import session
from infra.ops.emulated import copy_of, platform_of

LOCAL = {"encryptionsalt": "v1:local", "config": {}}


def test_the_copy_differs_in_four_keys_and_the_lock_only() -> None:
    document = {
        "secretsprovider": "awskms://alias/plinth",
        "encryptedkey": "abc",
        "config": {
            "plinth:owner": "ml",
            "plinth:aws": {"account_id": "777788889999", "region": "eu-west-1"},
            "plinth:gateway": {"domain": "ml.example.com"},
        },
    }

    assert copy_of(document, LOCAL) == {
        "encryptionsalt": "v1:local",
        "config": {
            "plinth:owner": "ml",
            "plinth:aws": {"account_id": "123456789012", "region": "eu-west-1", "emulated": True},
            "plinth:gateway": {"domain": "ml.example.com", "controller": "plinth.dev/local-gateway"},
            "plinth:contracts": "development",
        },
    }
    assert document["config"]["plinth:aws"] == {"account_id": "777788889999", "region": "eu-west-1"}


@pytest.mark.parametrize(
    "value", [{"secure": "v1:x"}, {"password": {"secure": "v1:x"}}, [{"secure": "v1:x"}]]
)
def test_a_stack_with_secrets_is_refused(value: object) -> None:
    with pytest.raises(PlinthError, match="plinth:key"):
        copy_of({"config": {"plinth:key": value}}, LOCAL)


def test_a_purge_takes_a_home_in_which_only_copies_were_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    with platform_of("dev") as file:
        assert "emulated: true" in file.read_text(encoding="utf-8")

    session.stop(purge=True)
    assert not (tmp_path / "home").exists()
