"""Workloads outlive a node, doors speak TLS, and what the API server is told to refuse it refuses."""

from collections.abc import Iterator, Mapping

from policies.core import (
    At,
    Check,
    Family,
    Outcome,
    PolicySettings,
    RelationCheck,
    Resource,
    Stack,
    failed,
    passed,
    require,
    undecided,
)
from policies.core.verdicts import Verdict, is_set, is_true, one_of
from policies.families.common import itself, told, whole_number, within

DEPLOYMENT = "kubernetes:apps:Deployment"
STATEFUL = "kubernetes:apps:StatefulSet"
ROLLOUT = "kubernetes:argoproj.io:Rollout"
BUDGET = "kubernetes:policy:PodDisruptionBudget"
SCALER = "kubernetes:autoscaling:HorizontalPodAutoscaler"
ADMISSION = "kubernetes:admissionregistration.k8s.io:ValidatingAdmissionPolicy"
ADMISSION_BINDING = "kubernetes:admissionregistration.k8s.io:ValidatingAdmissionPolicyBinding"
LISTENER = "aws:lb/listener:Listener"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
INGRESS = "kubernetes:networking.k8s.io:Ingress"
_RUNNING = frozenset({DEPLOYMENT, STATEFUL, ROLLOUT})

SPREADING = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
"""Labels of nodes by which pods are kept apart."""
FEWEST_REPLICAS = 2
"""Pods of a service, so that one node may go."""


def _survives_a_node(workload: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    replicas = workload.at("spec", "replicas")
    if replicas.absent:
        replicas = next(
            (
                within(scaler, "spec", "minReplicas")
                for scaler in stack.of_kind(SCALER)
                if scaler.at("spec", "scaleTargetRef", "name").value == workload.at("metadata", "name").value
            ),
            replicas,
        )
    yield require(
        replicas,
        lambda value: (whole_number(value) or 0) >= FEWEST_REPLICAS,
        f"must be {FEWEST_REPLICAS} or more",
    )
    spec = workload.at("spec", "template", "spec")
    if spec.at("affinity", "podAntiAffinity").known:
        yield passed()
        return
    keys = [item.at("topologyKey") for item in spec.at("topologySpreadConstraints").each()]
    if any(key.value in SPREADING for key in keys):
        yield passed()
    elif hidden := next((key for key in keys if key.unknown), None):
        yield undecided(hidden)
    else:
        yield failed(
            spec.at("topologySpreadConstraints"), f"must keep the pods apart by {' or '.join(SPREADING)}"
        )


def _has_budget(workload: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    labels = workload.at("spec", "template", "metadata", "labels")
    namespace = workload.at("metadata", "namespace")
    maybe: At | None = None
    for budget in stack.of_kind(BUDGET):
        wanted, where = within(budget, "spec", "selector", "matchLabels"), budget.at("metadata", "namespace")
        if where.known and namespace.known and where.value != namespace.value:
            continue
        if wanted.unknown or labels.unknown:
            maybe = wanted if wanted.unknown else labels
        elif _selects(wanted, labels):
            yield passed()
            return
    yield undecided(maybe) if maybe else failed("", "no PodDisruptionBudget selects these pods")


def _selects(wanted: At, labels: At) -> bool:
    """Whether a selector means pods with some labels; an empty one means all."""
    if not isinstance(wanted.value, Mapping) or not isinstance(labels.value, Mapping):
        return False
    return all(labels.value.get(key) == value for key, value in wanted.value.items())


def _fails_closed(policy: Resource, _: PolicySettings) -> Iterator[Outcome]:
    # Left out, Kubernetes itself takes Fail.
    yield require(policy.at("spec", "failurePolicy"), one_of("Fail"), "must be Fail", absent=Verdict.PASSED)
    validations = policy.at("spec", "validations")
    yield require(validations, is_set, "must hold at least one rule")


def _is_in_force(policy: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(policy, policy.at("metadata", "name"), ADMISSION_BINDING, "spec", "policyName")
    yield told(attached, ADMISSION_BINDING, "puts this policy into force")


def _binding_denies(binding: Resource, _: PolicySettings) -> Iterator[Outcome]:
    actions = binding.at("spec", "validationActions")
    items = actions.each()
    for wanted in ("Deny", "Audit"):
        if any(item.value == wanted for item in items):
            yield passed()
        elif hidden := next((item for item in items if item.unknown), None):
            yield undecided(hidden)
        else:
            yield failed(actions, f"must hold {wanted}")
    reference = binding.at("spec", "paramRef")
    if not reference.absent:
        yield require(reference.at("parameterNotFoundAction"), one_of("Deny"), "must be Deny")


def _speaks_tls(door: Resource, _: PolicySettings) -> Iterator[Outcome]:
    if door.kind == INGRESS:
        hosts = door.at("spec", "tls")
        yield require(hosts, is_set, "must name hosts and their certificate", unknown=Verdict.PASSED)
        return
    protocol = door.at("protocol")
    if protocol.known and protocol.value in ("HTTP", "TCP"):
        actions = door.at("defaultActions").each()
        redirects = [action.at("redirect", "protocol").value == "HTTPS" for action in actions]
        yield (
            passed()
            if redirects and all(redirects)
            else failed(protocol, "must be HTTPS or TLS, or redirect to it")
        )
        return
    yield require(protocol, one_of("HTTPS", "TLS"), "must be HTTPS or TLS")
    yield require(
        door.at("sslPolicy"),
        lambda value: "TLS13" in str(value) or "TLS-1-2" in str(value),
        "must be a policy of TLS 1.2 or newer",
    )


def _logs_and_stays(balancer: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(balancer.at("accessLogs", "enabled"), is_true, "must be true")
    yield require(balancer.at("enableDeletionProtection"), is_true, "must be true")
    if balancer.at("loadBalancerType").value not in ("network", "gateway"):
        yield require(balancer.at("dropInvalidHeaderFields"), is_true, "must be true")


CONTINUITY: Family[Resource] = Family(
    name="continuity",
    title="Workloads outlive a node, doors speak TLS, and admission refuses what it should.",
    prefixes=("kubernetes:", "aws:lb/"),
    view=itself,
    checks=(
        Check("admission-refuses", frozenset({ADMISSION}), _fails_closed),
        Check("admission-refuses", frozenset({ADMISSION_BINDING}), _binding_denies),
        Check("door-speaks-tls", frozenset({LISTENER, INGRESS}), _speaks_tls),
        Check("door-logs-and-stays", frozenset({BALANCER}), _logs_and_stays),
    ),
    relations=(
        RelationCheck("workload-survives-a-node", _RUNNING, _survives_a_node),
        RelationCheck("workload-has-disruption-budget", _RUNNING, _has_budget),
        RelationCheck("admission-refuses", frozenset({ADMISSION}), _is_in_force),
    ),
    reads=frozenset({BUDGET, SCALER, ADMISSION_BINDING}),
)
