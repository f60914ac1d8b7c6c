"""Every object of a cluster: what somebody put there, and what Kubernetes makes itself."""

from infra.ops.account import Account
from infra.ops.inventory.model import Found, Thing

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
PATHS = {
    "namespace": "/api/v1/namespaces",
    "configmap": "/api/v1/configmaps",
    "limitrange": "/api/v1/limitranges",
    "persistentvolume": "/api/v1/persistentvolumes",
    "persistentvolumeclaim": "/api/v1/persistentvolumeclaims",
    "pod": "/api/v1/pods",
    "replicationcontroller": "/api/v1/replicationcontrollers",
    "resourcequota": "/api/v1/resourcequotas",
    "secret": "/api/v1/secrets",
    "service": "/api/v1/services",
    "serviceaccount": "/api/v1/serviceaccounts",
    "deployment": "/apis/apps/v1/deployments",
    "daemonset": "/apis/apps/v1/daemonsets",
    "replicaset": "/apis/apps/v1/replicasets",
    "statefulset": "/apis/apps/v1/statefulsets",
    "horizontalpodautoscaler": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "cronjob": "/apis/batch/v1/cronjobs",
    "job": "/apis/batch/v1/jobs",
    "ingress": "/apis/networking.k8s.io/v1/ingresses",
    "networkpolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "poddisruptionbudget": "/apis/policy/v1/poddisruptionbudgets",
    "priorityclass": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "role": "/apis/rbac.authorization.k8s.io/v1/roles",
    "rolebinding": "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "clusterrole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "clusterrolebinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "validatingadmissionpolicy": f"{ADMISSION}/validatingadmissionpolicies",
    "validatingadmissionpolicybinding": f"{ADMISSION}/validatingadmissionpolicybindings",
    "validatingwebhookconfiguration": f"{ADMISSION}/validatingwebhookconfigurations",
    "mutatingwebhookconfiguration": f"{ADMISSION}/mutatingwebhookconfigurations",
    "customresourcedefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "storageclass": "/apis/storage.k8s.io/v1/storageclasses",
    "gatewayclass": "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
    "gateway": "/apis/gateway.networking.k8s.io/v1/gateways",
    "httproute": "/apis/gateway.networking.k8s.io/v1/httproutes",
    "referencegrant": "/apis/gateway.networking.k8s.io/v1beta1/referencegrants",
    "canary": "/apis/flagger.app/v1beta1/canaries",
    "metrictemplate": "/apis/flagger.app/v1beta1/metrictemplates",
}
"""Kind to where its objects of all namespaces are. Left out are what Kubernetes makes and removes by itself
(events, leases, endpoint slices) and nodes, which come and go with the pools."""


def objects_in(account: Account) -> Found:
    """Return every object of the cluster."""
    things: list[Thing] = []
    unseen: dict[str, str] = {}
    answers = account.objects(PATHS.values())
    for kind, path in PATHS.items():
        rows = answers[path]
        if isinstance(rows, str):
            unseen[kind] = rows
            continue
        for row in rows:
            metadata = row["metadata"]
            space, name = metadata.get("namespace", ""), metadata["name"]
            things.append(
                Thing(
                    kind=f"kubernetes/{kind}",
                    id=f"{space}/{name}" if space else name,
                    name=name,
                    tied_to=space,
                    detail={
                        "labels": metadata.get("labels") or {},
                        "annotations": sorted(metadata.get("annotations") or ()),
                    },
                )
            )
    return Found(things=things, unseen=unseen)
