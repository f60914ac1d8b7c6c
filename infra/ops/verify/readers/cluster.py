"""Reads what EKS says of cluster, node groups and who may enter."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.ops.verify.readers.asking import Documents, Look

WHOLE_INTERNET = ("0.0.0.0/0", "::/0")


def _own(look: Look) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in look.account.rows("eks", "list_clusters", "clusters"):
        known = look.account.client("eks").describe_cluster(name=name)["cluster"]
        if look.ours(known.get("tags") or {}):
            yield name, known


def _clusters(look: Look) -> Documents:
    found: Documents = {}
    eks = look.account.client("eks")
    for name, known in _own(look):
        network, access = known["resourcesVpcConfig"], known.get("accessConfig") or {}
        sealed = known.get("encryptionConfig") or []
        public = network.get("publicAccessCidrs") or []
        logs = [kind for row in known["logging"]["clusterLogging"] if row["enabled"] for kind in row["types"]]
        addons = look.account.rows("eks", "list_addons", "addons", clusterName=name)
        found[name] = {
            "cluster": "of the environment",
            "private_endpoint": network.get("endpointPrivateAccess"),
            "public_endpoint": network.get("endpointPublicAccess"),
            "public_cidrs": sorted(public) if network.get("endpointPublicAccess") else [],
            "open_to_all": [span for span in public if span in WHOLE_INTERNET],
            "sealed": sorted(kind for row in sealed for kind in row["resources"]),
            "key_class": next((look.key_class(row["provider"]["keyArn"]) for row in sealed), None),
            "logs": sorted(logs),
            "authentication": access.get("authenticationMode"),
            "protected": bool(known.get("deletionProtection")),
            "version": known["version"],
            "addons": {
                addon: eks.describe_addon(clusterName=name, addonName=addon)["addon"]["addonVersion"]
                for addon in addons
            },
        }
    return found


def _entries(look: Look) -> Documents:
    """Return who may enter, by the duty at the end of the role's name."""
    found: Documents = {}
    start = f"plinth-{look.settings.environment}-"
    for name, _ in _own(look):
        for principal in look.account.rows("eks", "list_access_entries", "accessEntries", clusterName=name):
            known = look.account.client("eks").describe_access_entry(clusterName=name, principalArn=principal)
            entry = known["accessEntry"]
            if entry["type"] != "STANDARD":
                continue  # nodes enter by entries that EKS makes itself
            policies = look.account.rows(
                "eks", "list_associated_access_policies", "associatedAccessPolicies",
                clusterName=name, principalArn=principal,
            )  # fmt: skip
            role = principal.rsplit("/", 1)[-1]
            found[role] = {
                "duty": role.removeprefix(start),
                "groups": sorted(entry["kubernetesGroups"]),
                "policies": sorted(row["policyArn"].rsplit("/", 1)[-1] for row in policies),
            }
    return found


def _identities(look: Look) -> Documents:
    found: Documents = {}
    for name, _ in _own(look):
        given = {"clusterName": name}
        for row in look.account.rows("eks", "list_pod_identity_associations", "associations", **given):
            known = look.account.client("eks").describe_pod_identity_association(
                clusterName=name, associationId=row["associationId"]
            )["association"]
            whole = f"{known['namespace']}/{known['serviceAccount']}"
            found[whole] = {"workload": whole, "role": known["roleArn"].rsplit("/", 1)[-1]}
    return found


def _pools(look: Look) -> Documents:
    found: Documents = {}
    for name, _ in _own(look):
        for group in look.account.rows("eks", "list_nodegroups", "nodegroups", clusterName=name):
            known = look.account.client("eks").describe_nodegroup(clusterName=name, nodegroupName=group)
            found[group] = {"pool": group, **_pool(known["nodegroup"]), "template": _template(look, known)}
    return found


def _pool(group: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "gpu": str(group.get("amiType", "")).endswith("NVIDIA"),
        "min": group["scalingConfig"]["minSize"],
        "max": group["scalingConfig"]["maxSize"],
        "capacity": group["capacityType"],
        "labels": sorted(f"{key}={value}" for key, value in (group.get("labels") or {}).items()),
        "taints": sorted(f"{taint['key']}:{taint['effect']}" for taint in group.get("taints") or ()),
        "remote_access": [key for key, value in (group.get("remoteAccess") or {}).items() if value],
    }


def _template(look: Look, known: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = known["nodegroup"].get("launchTemplate")
    if not wanted:
        return None
    (row,) = look.account.client("ec2").describe_launch_template_versions(
        LaunchTemplateId=wanted["id"], Versions=[str(wanted["version"])]
    )["LaunchTemplateVersions"]
    data = row["LaunchTemplateData"]
    metadata = data.get("MetadataOptions") or {}
    disks = [disk["Ebs"] for disk in data.get("BlockDeviceMappings") or () if "Ebs" in disk]
    return {
        "tokens": metadata.get("HttpTokens"),
        "hops": metadata.get("HttpPutResponseHopLimit"),
        "disks": len(disks),
        "plain_disks": [disk.get("VolumeType", "disk") for disk in disks if not _true(disk.get("Encrypted"))],
        "disk_key_classes": sorted({str(look.key_class(disk.get("KmsKeyId"))) for disk in disks}),
        "public_addresses": [
            "interface"
            for face in data.get("NetworkInterfaces") or ()
            if _true(face.get("AssociatePublicIpAddress"))
        ],
        "tagged": sorted(spec["ResourceType"] for spec in data.get("TagSpecifications") or ()),
    }


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


KINDS = {"cluster": _clusters, "entry": _entries, "pod-identity": _identities, "pool": _pools}
