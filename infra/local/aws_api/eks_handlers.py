"""Add-ons, access entries and Pod Identity of EKS, which moto lacks; see ``small_services.py``.

Kept and given back: no add-on runs here, and the laptop's API server asks nobody for access entries.
"""

import time

from moto.eks.models import eks_backends

from infra.local.aws_api.small_services import Call, Document, Kept, MissingError, identifier, rest

CLUSTER = "/clusters/([^/]+)"
ENTRY = f"{CLUSTER}/access-entries/(arn:[^ ]+?)"


def _arn(call: Call, kind: str, rest_of: str) -> str:
    return f"arn:aws:eks:{call.region}:{call.account}:{kind}/{call.groups[0]}/{rest_of}"


def _under(*parts: str) -> str:
    return "|".join(parts)


def _merge(document: Document, changes: Document, names: tuple[str, ...]) -> Document:
    document.update({name: changes[name] for name in names if name in changes})
    document["modifiedAt"] = time.time()
    return document


@rest("eks", "GET", f"{CLUSTER}/updates/([^/]+)")
def describe_update(kept: Kept, call: Call) -> Document:
    """Say that an update is done: it was, when it was asked for."""
    del kept
    return {"update": {"id": call.groups[1], "status": "Successful", "type": "ConfigUpdate", "errors": []}}


@rest("eks", "POST", f"{CLUSTER}/node-groups/([^/]+)/update-version")
def update_nodegroup_version(kept: Kept, call: Call) -> Document:
    """Change version or launch template of a node group, which moto itself keeps."""
    del kept
    cluster = eks_backends[call.account][call.region].clusters.get(call.groups[0])
    group = cluster.nodegroups.get(call.groups[1]) if cluster else None
    if group is None:
        raise MissingError(f"No node group found for name: {call.groups[1]}.")
    group.version = call.body.get("version") or group.version
    group.release_version = call.body.get("releaseVersion") or group.release_version
    group.launch_template = {**(group.launch_template or {}), **(call.body.get("launchTemplate") or {})}
    return {"update": {"id": identifier(), "status": "Successful", "type": "VersionUpdate"}}


@rest("eks", "POST", f"{CLUSTER}/addons")
def create_addon(kept: Kept, call: Call) -> Document:
    """Keep an add-on."""
    name = call.body["addonName"]
    document = {
        "addonName": name,
        "clusterName": call.groups[0],
        "status": "ACTIVE",
        "addonVersion": call.body.get("addonVersion", ""),
        "health": {"issues": []},
        "addonArn": _arn(call, "addon", f"{name}/{identifier()}"),
        "createdAt": time.time(),
        "modifiedAt": time.time(),
        "configurationValues": call.body.get("configurationValues", ""),
        "tags": call.body.get("tags") or {},
        "podIdentityAssociations": [],
    }
    return {"addon": kept.put("addon", _under(call.groups[0], name), document)}


@rest("eks", "GET", f"{CLUSTER}/addons/([^/]+)")
def describe_addon(kept: Kept, call: Call) -> Document:
    """Return an add-on."""
    return {"addon": kept.get("addon", _under(*call.groups))}


@rest("eks", "POST", f"{CLUSTER}/addons/([^/]+)/update")
def update_addon(kept: Kept, call: Call) -> Document:
    """Change an add-on."""
    _merge(kept.get("addon", _under(*call.groups)), call.body, ("addonVersion", "configurationValues"))
    return {"update": {"id": identifier(), "status": "Successful", "type": "AddonUpdate"}}


@rest("eks", "DELETE", f"{CLUSTER}/addons/([^/]+)")
def delete_addon(kept: Kept, call: Call) -> Document:
    """Forget an add-on."""
    return {"addon": kept.drop("addon", _under(*call.groups))}


@rest("eks", "GET", f"{CLUSTER}/addons")
def list_addons(kept: Kept, call: Call) -> Document:
    """Return the names of a cluster's add-ons."""
    found = [a["addonName"] for a in kept.all("addon") if a["clusterName"] == call.groups[0]]
    return {"addons": found}


@rest("eks", "POST", f"{CLUSTER}/access-entries")
def create_access_entry(kept: Kept, call: Call) -> Document:
    """Keep an access entry."""
    principal = call.body["principalArn"]
    document = {
        "clusterName": call.groups[0],
        "principalArn": principal,
        "kubernetesGroups": call.body.get("kubernetesGroups") or [],
        "accessEntryArn": _arn(call, "access-entry", f"role/{call.account}/{identifier()}"),
        "createdAt": time.time(),
        "modifiedAt": time.time(),
        "tags": call.body.get("tags") or {},
        "username": call.body.get("username") or f"{principal}/{{{{SessionName}}}}",
        "type": call.body.get("type") or "STANDARD",
    }
    return {"accessEntry": kept.put("entry", _under(call.groups[0], principal), document)}


@rest("eks", "POST", f"{ENTRY}/access-policies")
def associate_access_policy(kept: Kept, call: Call) -> Document:
    """Keep which policy an entry has, and where."""
    kept.get("entry", _under(*call.groups))
    policy = call.body["policyArn"]
    document = {
        "policyArn": policy,
        "accessScope": call.body["accessScope"],
        "associatedAt": time.time(),
        "modifiedAt": time.time(),
    }
    kept.put("entry policy", _under(*call.groups, policy), {"entry": list(call.groups), "policy": document})
    return {"clusterName": call.groups[0], "principalArn": call.groups[1], "associatedAccessPolicy": document}


@rest("eks", "DELETE", f"{ENTRY}/access-policies/(arn:.+)")
def disassociate_access_policy(kept: Kept, call: Call) -> Document:
    """Forget that an entry has a policy."""
    kept.drop("entry policy", _under(*call.groups))
    return {}


@rest("eks", "GET", f"{ENTRY}/access-policies")
def list_associated_access_policies(kept: Kept, call: Call) -> Document:
    """Return the policies of an entry."""
    kept.get("entry", _under(*call.groups))
    found = [row["policy"] for row in kept.all("entry policy") if row["entry"] == list(call.groups)]
    return {
        "clusterName": call.groups[0],
        "principalArn": call.groups[1],
        "associatedAccessPolicies": found,
    }


@rest("eks", "GET", ENTRY)
def describe_access_entry(kept: Kept, call: Call) -> Document:
    """Return an access entry."""
    return {"accessEntry": kept.get("entry", _under(*call.groups))}


@rest("eks", "POST", ENTRY)
def update_access_entry(kept: Kept, call: Call) -> Document:
    """Change an access entry."""
    entry = kept.get("entry", _under(*call.groups))
    return {"accessEntry": _merge(entry, call.body, ("kubernetesGroups", "username"))}


@rest("eks", "DELETE", ENTRY)
def delete_access_entry(kept: Kept, call: Call) -> Document:
    """Forget an access entry, its policies with it."""
    kept.drop("entry", _under(*call.groups))
    for row in kept.all("entry policy"):
        if row["entry"] == list(call.groups):
            kept.drop("entry policy", _under(*call.groups, row["policy"]["policyArn"]))
    return {}


@rest("eks", "GET", f"{CLUSTER}/access-entries")
def list_access_entries(kept: Kept, call: Call) -> Document:
    """Return the principals that may enter a cluster."""
    found = [e["principalArn"] for e in kept.all("entry") if e["clusterName"] == call.groups[0]]
    return {"accessEntries": found}


@rest("eks", "POST", f"{CLUSTER}/pod-identity-associations")
def create_pod_identity(kept: Kept, call: Call) -> Document:
    """Keep which role the pods of a service account take over."""
    number = "a-" + identifier(17)
    document = {
        "clusterName": call.groups[0],
        "namespace": call.body["namespace"],
        "serviceAccount": call.body["serviceAccount"],
        "roleArn": call.body["roleArn"],
        "associationArn": _arn(call, "podidentityassociation", number),
        "associationId": number,
        "tags": call.body.get("tags") or {},
        "createdAt": time.time(),
        "modifiedAt": time.time(),
        "disableSessionTags": bool(call.body.get("disableSessionTags")),
    }
    return {"association": kept.put("pod identity", _under(call.groups[0], number), document)}


@rest("eks", "GET", f"{CLUSTER}/pod-identity-associations/([^/]+)")
def describe_pod_identity(kept: Kept, call: Call) -> Document:
    """Return an association."""
    return {"association": kept.get("pod identity", _under(*call.groups))}


@rest("eks", "POST", f"{CLUSTER}/pod-identity-associations/([^/]+)")
def update_pod_identity(kept: Kept, call: Call) -> Document:
    """Change the role of an association."""
    association = kept.get("pod identity", _under(*call.groups))
    return {"association": _merge(association, call.body, ("roleArn", "disableSessionTags"))}


@rest("eks", "DELETE", f"{CLUSTER}/pod-identity-associations/([^/]+)")
def delete_pod_identity(kept: Kept, call: Call) -> Document:
    """Forget an association."""
    return {"association": kept.drop("pod identity", _under(*call.groups))}


@rest("eks", "GET", f"{CLUSTER}/pod-identity-associations")
def list_pod_identities(kept: Kept, call: Call) -> Document:
    """Return the associations of a cluster."""
    found = [row for row in kept.all("pod identity") if row["clusterName"] == call.groups[0]]
    return {"associations": found}
