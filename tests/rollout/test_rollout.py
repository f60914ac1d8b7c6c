"""Releases: what is compared, what is broken, who is asked, and what Flagger reads."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import SettingsError
from infra.local.parts import NAMES, catalogue
from infra.local.rollout.names import target
from infra.local.supervisor.layout import PORTS, Site
from infra.operations import cluster, gates
from infra.operations.shadows import Shadows, pods
from infra.ops import graph
from infra.ops.drills.rollout import asking, stage
from infra.rollout import checks, objects
from infra.rollout.comparison import FIRST_LOOK, Comparison, Tally, answers_of, broken, lacking
from infra.settings import Settings
from services.readiness import contract_file, shadow
from services.readiness.shadow import Answered, Recent, is_shadow, outcome

ROOT = Path(__file__).parents[2]
CONTRACT = contract_file.load(ROOT / "services" / "credit_risk")
IMAGE = "r@sha256:" + "1" * 64


def answered(
    request: str,
    *,
    shadow: bool,
    status: int = 200,
    label: str = "approve",
    score: float | None = 0.2,
    ms: float = 5.0,
) -> Answered:
    return Answered(0, request, shadow, status, label, score, ms)


def compared(count: int, **candidate: Any) -> Tally:
    """Return what is counted when every copy is answered alike."""
    found = Comparison(latency_ms=250)
    for number in range(count):
        found.add([answered(str(number), shadow=False), answered(str(number), shadow=True, **candidate)])
    return found.tally


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=200))
def test_each_request_is_compared_once_in_whatever_order_its_answers_come(seen: list[tuple[int, bool]]):
    unique = list(dict.fromkeys(seen))
    found = Comparison(latency_ms=250)
    found.add(answered(str(number), shadow=copy) for number, copy in unique)
    assert found.tally.pairs == sum(
        (number, True) in unique and (number, False) in unique for number in range(31)
    )


@given(st.integers(1, 5000), st.data())
def test_a_share_is_taken_lower_never_higher(pairs: int, data: st.DataObject):
    count = data.draw(st.integers(0, pairs))
    tally = Tally(pairs=pairs)
    assert 0 <= tally.least_share(count) <= tally.share(count) <= 1
    assert tally.least_share(pairs) == 1


@pytest.mark.parametrize(
    ("candidate", "word"),
    [
        ({"status": 500, "label": "", "score": None}, "failed requests"),
        ({"ms": 900.0}, "slow requests"),
        ({"label": "decline"}, "different outcomes"),
        ({"score": 0.9}, "distance of probabilities"),
    ],
)
def test_each_kind_of_bad_candidate_breaks_its_limit(candidate: dict[str, Any], word: str):
    assert broken(CONTRACT, compared(FIRST_LOOK - 1, **candidate)) == []
    (found,) = broken(CONTRACT, compared(FIRST_LOOK, **candidate))
    assert found.startswith(word)
    assert word in str(lacking(CONTRACT, compared(100, **candidate)))


def test_a_good_candidate_lacks_nothing_once_enough_is_compared():
    needed = CONTRACT.shadow.smallest_comparison
    assert lacking(CONTRACT, compared(needed - 1)) == f"{needed - 1} of {needed} answers are compared"
    assert lacking(CONTRACT, compared(needed)) is None


def test_what_both_versions_get_wrong_is_not_the_candidates_fault():
    found = Comparison(latency_ms=250)
    for number in range(100):
        found.add(
            answered(str(number), shadow=one, status=503, label="", score=None) for one in (True, False)
        )
    assert broken(CONTRACT, found.tally) == []


def test_the_gateways_mark_makes_a_shadow_and_nothing_else_does():
    assert is_shadow({b"host": b"credit-risk.plinth.localhost-shadow"})
    assert is_shadow({b"host": b"credit-risk.plinth.localhost-shadow:80"})
    assert not is_shadow({b"host": b"credit-risk.plinth.localhost"})
    assert not is_shadow({b"x-shadow": b"1"})


def test_an_answers_own_words_are_its_label_and_its_probability_its_score():
    common = {"rung": "model", "request_id": "x", "confidence": {"likelier": 0.9}}
    assert outcome({**common, "decision": "approve", "probability_of_default": 0.1}) == ("approve", 0.1)
    assert outcome({**common, "decision": "read", "digit": 7}) == ("read 7", 0.9)


def test_the_page_gives_what_came_after_and_survives_the_wire():
    recent = Recent()
    for number in range(3):
        recent.add(request=str(number), shadow=True, status=200, content={"decision": "a"}, seconds=0.1)
    page = json.loads(json.dumps(recent.page("after=1")))
    assert [one.request for one in answers_of(page["answers"])] == ["1", "2"]
    assert page["last"] == 3
    assert len(recent.page("after=nonsense")["answers"]) == 3


def test_every_check_of_a_contract_has_a_query_that_names_the_candidates_pods_only():
    found = checks.checks(CONTRACT)
    assert {one.name for one in found} == set(checks.QUERIES) == set(objects.templates())
    pattern = re.compile(checks.CANDIDATE.replace("{{ target }}", "credit-risk"))
    assert pattern.fullmatch("credit-risk-7f9c-x2x4z")
    assert not pattern.fullmatch("credit-risk-primary-7f9c-x2x4z")
    for one in found:
        named = set(re.findall(r"variables\.(\w+)", checks.QUERIES[one.name]))
        assert named == set(one.variables)
        assert one.at_most > 0


def test_a_canary_says_all_that_the_api_server_would_fill_in():
    """What it left out Flagger would find different, and write the route anew with its first weights."""
    route = objects.Route(
        gateway="plinth", gateway_namespace="gateway", hostname="a.b", prefix="/v1/", timeout_seconds=10
    )
    spec = objects.canary("credit-risk", "serving", CONTRACT, route, objects.Pace())
    (gateway,) = spec["service"]["gatewayRefs"]
    assert set(gateway) == {"group", "kind", "name", "namespace"}
    (mirror,) = spec["service"]["mirror"]
    assert mirror["backendRef"]["name"] != "credit-risk-canary"  # Flagger would leave the gates out
    assert set(mirror["backendRef"]) == {"group", "kind", "name", "port"}
    assert {one["type"] for one in spec["analysis"]["webhooks"]} == {
        "confirm-rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "rollback",
    }


@pytest.mark.parametrize(
    ("rollout", "word"),
    [
        ({"weights": [50, 25]}, "more than the one before"),
        ({"weights": [25, 25]}, "more than the one before"),
        ({"weights": [0, 50]}, "from 1 to 100"),
        ({"weights": [50, 150]}, "from 1 to 100"),
        ({"interval_seconds": 5}, "10"),
    ],
)
def test_a_release_that_cannot_go_is_refused_with_the_settings(rollout: dict[str, Any], word: str):
    settings = graph.stack_settings(ROOT / "stacks" / "Pulumi.local.yaml")
    raw = json.loads(settings.model_dump_json())
    with pytest.raises(SettingsError, match="plinth:rollout") as refused:
        Settings.parse({**raw, "rollout": rollout}, stack="local", environ={})
    assert word in str(refused.value)


def test_flagger_on_aws_needs_an_image():
    settings = graph.stack_settings(ROOT / "stacks" / "Pulumi.prod.yaml")
    raw = json.loads(settings.model_dump_json())
    with pytest.raises(SettingsError, match="no image of it"):
        Settings.parse({**raw, "rollout": {"engine": "flagger"}}, stack="prod", environ={})


def test_the_program_gives_routes_to_flagger_and_the_drill_takes_the_programs_own_objects():
    settings = stage._changed(graph.stack_settings(ROOT / "stacks" / "Pulumi.local.yaml"))
    found = graph.resources(settings)
    kinds = [kind for kind, _, _ in found.asked]
    assert not any("HTTPRoute" in kind for kind in kinds)
    placed = stage.objects(found)
    assert [one["kind"] for one in placed].count("Canary") == 1
    deployment = next(one for one in placed if one["kind"] == "Deployment")
    assert deployment["spec"]["template"]["metadata"]["labels"]["plinth.dev/service"] == "credit-risk"
    assert all(isinstance(weight, int) for one in placed if one["kind"] == "Canary"
               for weight in one["spec"]["analysis"]["stepWeights"])  # fmt: skip
    assert stage.path_of(deployment) == "/apis/apps/v1/namespaces/serving/deployments/credit-risk"


def sources(known: Shadows, **annotations: str) -> gates.Sources:
    target = {
        "metadata": {"annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"image": IMAGE}]}}},
    }
    return gates.Sources(
        contracts={"credit-risk": CONTRACT},
        shadows=known,
        target=lambda _: target,
        stable=lambda _: None,
        experiments=lambda _: [],
        objections=lambda _, digest: [] if digest == "good" else ["signed for another model"],
    )


def test_gates_say_no_until_they_know_better():
    known = Shadows(list, {"credit-risk": CONTRACT})
    nothing = sources(known)
    assert gates.answer(nothing, "shadow", "credit-risk")[0] == gates.NO
    assert gates.answer(nothing, "undo", "credit-risk")[0] == gates.NO
    assert gates.answer(nothing, "contract", "credit-risk") == (gates.NO, "signed for another model")
    assert gates.answer(nothing, "approval", "credit-risk")[0] == gates.NO
    assert gates.answer(nothing, "anything", "credit-risk")[0] == gates.NO
    assert gates.answer(nothing, "contract", "nobody")[0] == gates.NO
    assert gates.answer(sources(known, **{gates.DIGEST: "good"}), "contract", "credit-risk")[0] == gates.YES
    assert gates.answer(sources(known, **{gates.APPROVED: IMAGE}), "approval", "credit-risk")[0] == gates.YES


def test_only_running_pods_of_services_are_compared():
    def pod(name: str, *, phase: str = "Running", endpoint: str = "127.0.0.1:3") -> dict[str, Any]:
        meta = {"name": name, "labels": {"app.kubernetes.io/name": name}, "annotations": {}}
        meta["annotations"] = {"plinth.dev/endpoint": endpoint}
        return {"metadata": meta, "status": {"phase": phase}}

    found = pods(
        [pod("credit-risk"), pod("credit-risk-primary"), pod("other"), pod("credit-risk", phase="Pending"),
         pod("credit-risk", endpoint="10.0.0.1:3")],
        {"credit-risk": CONTRACT},
    )  # fmt: skip
    assert [(one.service, one.stable) for one in found] == [("credit-risk", False), ("credit-risk", True)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://prometheus.monitoring:9090/api?x=1", (1, "/api?x=1")),
        ("http://prometheus.monitoring.svc:9090", (1, "/")),
        ("http://prometheus.monitoring.svc.cluster.local/-/ready", (1, "/-/ready")),
        ("http://example.com/", None),
        ("https://prometheus.monitoring/", None),
        ("http://prometheus.other/", None),
    ],
)
def test_names_of_the_cluster_lead_to_the_platforms_parts_only(url: str, expected: tuple[int, str] | None):
    assert target(url, {"prometheus.monitoring": 1}) == expected


def test_the_list_of_parts_is_the_catalogue(tmp_path: Path):
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "instance").write_text("x")
    site = Site(tmp_path, dict.fromkeys(PORTS, 1), {})
    assert tuple(part.name for part in catalogue(site)) == NAMES


@pytest.mark.parametrize(
    ("status", "said", "seconds", "kind"),
    [
        (200, {"decision": "a", "probability_of_default": 0.5}, 0.1, "good"),
        (200, {"decision": "b", "probability_of_default": 0.5}, 0.1, "wrong"),
        (200, {"decision": "a", "probability_of_default": 0.6}, 0.1, "wrong"),
        (200, {"decision": "a", "probability_of_default": 0.5}, 1.5, "slow"),
        (500, {"reason": "defect"}, 0.1, "error"),
        (503, {}, 0.1, "failed"),
    ],
)
def test_the_drill_knows_what_an_answer_is_worth(
    status: int, said: dict[str, Any], seconds: float, kind: str
):
    assert asking.judge(("a", 0.5), status, said, seconds) == kind


def test_the_drill_asks_when_the_first_route_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(asking.Asking, "_headers", lambda _: {})
    left = [404, 503, 200, 200]
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(left.pop(0))))

    asking.Asking("http://gateway/v1", "host", "service", [{}])._wait_for_the_route(client)

    assert left == [200]


def test_a_process_remembers_so_many_answers_and_no_more():
    recent = Recent()
    for number in range(shadow.KEPT + 5):
        recent.add(request=str(number), shadow=False, status=200, content={}, seconds=0)
    assert len(recent.page("")["answers"]) == shadow.KEPT


def test_users_are_answered_by_the_stable_copy_where_there_is_one():
    def deployment(name: str, digest: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "annotations": {cluster.DIGEST: digest}}}

    both = [deployment("a", "new"), deployment("a-primary", "old"), deployment("b", "only")]
    assert cluster.digests(both) == {"a": "old", "b": "only"}
