"""Promises of what is inside the cluster."""

from infra.ops.verify.model import AtLeast, Document, Is, Nothing, Promise, Selector, Wants, has
from infra.settings import Settings

GPU = "gpu"
_CONTROLS = {"plinth-accounts": 1, "plinth-namespaces": 1, "plinth-objects": 1, "plinth-pods": 12}
"""Admission policy to the least number of controls that it holds."""


def _spaces(settings: Settings) -> list[Selector]:
    names = ["gateway", "serving", *([GPU] if settings.gpu.pools else [])]
    return [{"namespace": name} for name in names]


def _own(settings: Settings, row: Document) -> bool:
    return {"namespace": row["namespace"]} in _spaces(settings)


def _has_gpu(settings: Settings) -> bool:
    return bool(settings.gpu.pools)


def _services(settings: Settings) -> list[Selector]:
    return [{"namespace": "serving", "service": service} for service in sorted(settings.services)]


def _has_services(settings: Settings) -> bool:
    return bool(settings.services)


def _serves(_: Settings, row: Document) -> bool:
    return bool(row["namespace"] == "serving")


def _size(settings: Settings, row: Document) -> Wants:
    wanted = settings.services.get(str(row["service"]))
    return {
        "replicas": AtLeast(wanted.replicas if wanted else 2),
        "budgets": AtLeast(1),
        "spread": AtLeast(1),
        "unprobed": Nothing(),
    }


PROMISES: tuple[Promise, ...] = (
    Promise(
        id="namespaces-restricted",
        says="Pod security is enforced, audited and warned of at its strictest",
        design="platform",
        read="Namespace",
        of="namespace",
        among=_own,
        wants=lambda _, __: {"restricted": has("enforce", "audit", "warn")},
        required=_spaces,
    ),
    Promise(
        id="namespaces-deny-by-default",
        says="No pod sends or receives anything unless a policy says so",
        design="platform",
        read="NetworkPolicy",
        of="namespace",
        among=_own,
        wants=lambda _, __: {"denies": has("Ingress", "Egress")},
        required=_spaces,
    ),
    Promise(
        id="namespaces-bounded",
        says="Each namespace has a quota that is in force, and limits for containers that name none",
        design="platform",
        read="ResourceQuota, LimitRange",
        of="namespace",
        among=_own,
        wants=lambda _, __: {
            "bounded": has("pods", "requests.cpu", "requests.memory", "limits.memory"),
            "limited": has("Container"),
        },
        required=_spaces,
    ),
    Promise(
        id="gpu-namespace-has-a-quota",
        says="All pods of the GPU namespace together ask for no more GPUs than the settings allow",
        design="identity",
        read="ResourceQuota",
        of="namespace",
        among=lambda _, row: bool(row["namespace"] == GPU),
        wants=lambda settings, _: {"gpus": Is(settings.gpu.quota)},
        required=lambda _: [{"namespace": GPU}],
        applies=_has_gpu,
    ),
    Promise(
        id="gpu-group-and-nobody-else",
        says="The named group, and nobody beside it, may create in the GPU namespace",
        design="identity",
        read="RoleBinding",
        of="grant",
        among=lambda _, row: bool(row["namespace"] == GPU),
        wants=lambda settings, _: {"groups": Is([settings.gpu.group]), "others": Nothing()},
        required=lambda _: [{"namespace": GPU}],
        applies=_has_gpu,
    ),
    Promise(
        id="gpu-admission-refuses",
        says="Admission refuses GPUs outside their namespace, also when the policy itself fails",
        design="platform",
        read="ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding",
        of="admission",
        among=lambda _, row: bool(row["policy"] == "plinth-gpu"),
        wants=lambda _, __: {"when_it_fails": Is("Fail"), "actions": has("Deny"), "rules": AtLeast(5)},
        required=lambda _: [{"policy": "plinth-gpu"}],
        applies=_has_gpu,
    ),
    Promise(
        id="admission-holds-the-controls",
        says="The API server itself refuses what breaks the controls of pods, namespaces and accounts",
        design="platform",
        read="ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding",
        of="admission",
        among=lambda _, row: bool(row["policy"] in _CONTROLS),
        wants=lambda _, row: {
            "when_it_fails": Is("Fail"),
            "actions": has("Deny"),
            "rules": AtLeast(_CONTROLS[str(row["policy"])]),
        },
        required=lambda _: [{"policy": name} for name in _CONTROLS],
    ),
    Promise(
        id="gateway-serves-chosen-namespaces",
        says="The gateway is served by the controller of the settings and takes routes of chosen namespaces",
        design="platform",
        read="GatewayClass, Gateway",
        of="gateway",
        wants=lambda settings, _: {
            "controller": Is(settings.gateway.controller),
            "programmed": Is("True"),
            "open_listeners": Nothing(),
        },
        required=lambda _: [{"gateway": "plinth"}],
    ),
    Promise(
        id="services-by-digest",
        says="Services run images by digest, with a read-only root and without a token of the cluster",
        design="serving",
        read="Deployment",
        of="deployment",
        among=_serves,
        wants=lambda _, __: {"by_tag": Nothing(), "writable_roots": Nothing(), "token": Is(value=False)},
        required=_services,
        applies=_has_services,
    ),
    Promise(
        id="services-may-lose-a-pod",
        says="Services have the pods of the settings, probed, spread out, and a budget for losing one",
        design="serving",
        read="Deployment, PodDisruptionBudget",
        of="deployment",
        among=_serves,
        wants=_size,
        required=_services,
        applies=_has_services,
    ),
)
