"""CI's deployer may do what the real engine called in this environment's first `up`."""

import pytest
from clones import Clone

pytestmark = pytest.mark.local


def test_no_call_of_an_up_is_beyond_the_deployer(settled: Clone) -> None:
    told = settled.plinth("deployer", "--json").json
    # A draft of another test may have removed something; what is removed for good is an administrator's.
    refused = [what for what in told["refused"] if ":Delete" not in what]

    assert refused == []
    assert told["unseen"] == {"ci-deploy": [], "ci-preview": []}
    assert told["requests"] > 200, "a whole environment was made"
    assert told["questions"] > told["requests"], "tags, passed roles and grants are asked for too"
    assert told["actions"] > 100
    assert all(
        what.endswith((":policy/plinth-local-boundary", "token.actions.githubusercontent.com", "ci-deploy"))
        for what in told["administrators"]
    )
