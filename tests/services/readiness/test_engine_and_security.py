"""The model's thread with its time limit, and the checks of tokens and rates."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jwt

from services.readiness.engine import Engine, ModelFaultError
from services.readiness.security import RateLimit, TokenRefusedError, Tokens

KEY = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
OCT = jwk.OctKey.generate_key(256)
NOW = 1_000_000


def test_rows_of_one_turn_go_in_one_batch_and_so_do_those_that_wait():
    sizes = []
    first = threading.Event()

    def work(rows):
        sizes.append(len(rows))
        first.wait(5)
        return [row[0] * 2 for row in rows]

    async def many():
        engine = Engine(work, limit_seconds=30)
        asked = [asyncio.create_task(engine.run([i])) for i in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked += [asyncio.create_task(engine.run([i])) for i in range(3, 100)]
        await asyncio.sleep(0)
        first.set()
        return await asyncio.gather(*asked)

    assert asyncio.run(many()) == [2 * i for i in range(100)]
    assert sizes == [3, 97]


def test_a_hang_fails_those_who_wait_and_nothing_more_is_sent():
    calls, end = [], threading.Event()

    def work(rows):
        calls.append(len(rows))
        end.wait(30)
        return list(rows)

    async def ask():
        engine = Engine(work, limit_seconds=0.05)
        found = await asyncio.gather(*(engine.run([i]) for i in range(3)), return_exceptions=True)
        assert engine.resting
        with pytest.raises(ModelFaultError, match="model_slow"):
            await engine.run([9])
        end.set()
        return found

    assert [error.fault for error in asyncio.run(ask())] == ["model_slow"] * 3
    assert calls == [3]


@pytest.mark.parametrize("answer", [[], [1, 2, 3]])
def test_a_batch_of_another_length_is_no_answer(answer):
    with pytest.raises(ModelFaultError, match="model_unavailable"):
        asyncio.run(Engine(lambda _: answer, limit_seconds=5).run([1.0]))


def tokens():
    keys = {"keys": [KEY.as_dict(private=False)]}
    return Tokens(issuer="https://i.example", audience="svc", keys=keys, clock=lambda: NOW)


def token(key=KEY, alg="ES256", **changed):
    claims = {"iss": "https://i.example", "aud": "svc", "sub": "ann", "exp": NOW + 60, "scope": "a b"}
    claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    return b"Bearer " + jwt.encode({"alg": alg, "kid": KEY.kid}, claims, key, algorithms=[alg]).encode()


def test_a_good_token_names_its_caller():
    checker = tokens()
    for _ in range(2):  # the second time from memory
        caller = checker.check(token(), "a")
        assert (caller.subject, caller.scopes) == ("ann", {"a", "b"})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": NOW - 31}, "expired_token"),
        ({"exp": None}, "wrong_token"),
        ({"aud": "other"}, "wrong_token"),
        ({"iss": "https://j.example"}, "wrong_token"),
        ({"sub": None}, "wrong_token"),
        ({"nbf": NOW + 3600}, "wrong_token"),
        ({"key": OCT, "alg": "HS256"}, "bad_token"),
        ({"key": jwk.ECKey.generate_key("P-256")}, "bad_token"),
    ],
)
def test_a_token_that_does_not_fit_is_refused(changed, reason):
    with pytest.raises(TokenRefusedError) as caught:
        tokens().check(token(**changed), "a")
    assert (caught.value.status, caught.value.reason) == (401, reason)


def test_a_scope_that_is_lacking_is_named():
    with pytest.raises(TokenRefusedError, match="lacks the scope c"):
        tokens().check(token(), "c")


@given(st.binary(max_size=300))
def test_no_header_makes_the_check_fail_otherwise(header):
    with pytest.raises(TokenRefusedError):
        tokens().check(b"Bearer " + header, "a")


def test_without_an_issuer_nobody_is_let_in(tmp_path):
    for checker in (
        Tokens(issuer=None, audience="svc", keys=None),
        Tokens.from_environment({}, audience="svc"),
        Tokens.from_environment({"PLINTH_TOKEN_KEYS_FILE": str(tmp_path)}, audience="svc"),
    ):
        with pytest.raises(TokenRefusedError) as caught:
            checker.check(token(), "a")
        assert caught.value.reason == "no_issuer"


def test_a_caller_may_burst_and_then_goes_on_at_its_rate():
    clock = [0.0]
    rate = RateLimit(2.0, 3.0, clock=lambda: clock[0])
    assert [rate.take("ann") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rate.take("bob") == 0
    clock[0] = 0.5
    assert rate.take("ann") == 0
    assert rate.take("ann") > 0
