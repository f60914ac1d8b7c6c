"""What the emulated EKS lacks: parts of clusters, node groups and their templates that moto forgets.

moto 5.2.5 keeps roles, subnets, logging and encryption of a cluster. It drops who may enter (access mode),
upgrade policy and deletion protection, and makes up a remote access for node groups that have none; the
provider would see a change on every preview, and the last one would replace the node group.
"""

import functools
from collections.abc import Callable
from typing import Any

EXTENDED = {"supportType": "EXTENDED"}
"""Upgrade policy that EKS gives a cluster which asks for none (EKS CreateCluster)."""
NEVER_ADMIN = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}


def completed_vpc(vpc: dict[str, Any], cluster_name: str) -> dict[str, Any]:
    """Return a cluster's network with what EKS adds: the group that it makes, and defaults. Pure."""
    public = vpc.get("endpointPublicAccess", True)
    return {
        "endpointPublicAccess": public,
        "endpointPrivateAccess": vpc.get("endpointPrivateAccess", False),
        "publicAccessCidrs": vpc.get("publicAccessCidrs") or (["0.0.0.0/0"] if public else []),
        "clusterSecurityGroupId": vpc.get("clusterSecurityGroupId") or group_id(cluster_name),
        "securityGroupIds": vpc.get("securityGroupIds", []),
        "subnetIds": vpc.get("subnetIds", []),
        "vpcId": vpc.get("vpcId", ""),
    }


def group_id(cluster_name: str) -> str:
    """Return an identifier for the security group that EKS makes for a cluster. Pure."""
    return f"sg-{int.from_bytes(cluster_name.encode()) % 16**17:017x}"


def install() -> None:
    """Complete moto's EKS in this process; a second call changes nothing.

    The modules are loaded here and not above: they draw random numbers and look for credentials while they
    are loaded, which must not happen before the process has seen to both.
    """
    from moto.eks.responses import EKSResponse  # noqa: PLC0415

    if hasattr(EKSResponse.create_cluster, "__wrapped__"):
        return
    _keep_more_of_clusters()
    _keep_what_node_groups_were_given()
    _keep_own_tags_out_of_templates()


def own_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a launch template without the tags of the template itself. Pure."""
    kept = [row for row in data.get("TagSpecifications", []) if row.get("ResourceType") != "launch-template"]
    return {key: value for key, value in data.items() if key != "TagSpecifications"} | (
        {"TagSpecifications": kept} if kept else {}
    )


def _keep_own_tags_out_of_templates() -> None:
    """EC2 tags the template and leaves its data alone; moto writes the tags into the data as well."""
    from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion  # noqa: PLC0415

    original = LaunchTemplateVersion.__init__

    @functools.wraps(original)
    def init(self: Any, template: Any, number: int, data: dict[str, Any], description: str) -> None:
        original(self, template, number, own_data(data), description)

    LaunchTemplateVersion.__init__ = init  # type: ignore[method-assign]
    # moto copies a template's tags when it is made, and never looks again at what CreateTags changed.
    LaunchTemplate.tags = property(lambda self: self.get_tags(), lambda *_: None)  # type: ignore[assignment]


def _remember(cluster: Any, given: Callable[[str], Any]) -> None:
    """Put the parts of a request that moto drops onto the cluster; they are read back from there."""
    known = vars(cluster)
    access = given("accessConfig") or {}
    cluster.access_config = {**NEVER_ADMIN, **known.get("access_config", {}), **access}
    cluster.upgrade_policy = given("upgradePolicy") or known.get("upgrade_policy", EXTENDED)
    protection = given("deletionProtection")
    if protection is not None or "deletion_protection" not in known:
        cluster.deletion_protection = bool(protection)
    cluster.resources_vpc_config = completed_vpc(cluster.resources_vpc_config or {}, cluster.name)


def _keep_more_of_clusters() -> None:
    from moto.core.responses import ActionResult  # noqa: PLC0415
    from moto.eks.responses import EKSResponse  # noqa: PLC0415

    create, update = EKSResponse.create_cluster, EKSResponse.update_cluster_config

    @functools.wraps(create)
    def create_cluster(self: Any) -> Any:
        answer = create(self)
        _remember(self.eks_backend.clusters[self._get_param("name")], self._get_param)
        return answer

    @functools.wraps(update)
    def update_cluster_config(self: Any) -> Any:
        cluster = self.eks_backend.describe_cluster(name=self._get_param("name"))
        network = {**cluster.resources_vpc_config, **(self._get_param("resourcesVpcConfig") or {})}
        update(self)
        cluster.resources_vpc_config = network
        _remember(cluster, self._get_param)
        # moto gives back the cluster; EKS gives an update, and that is what clients wait for.
        return ActionResult({"update": {"id": "done", "status": "Successful", "type": "ConfigUpdate"}})

    EKSResponse.create_cluster = create_cluster  # type: ignore[method-assign]
    EKSResponse.update_cluster_config = update_cluster_config  # type: ignore[method-assign]


def _keep_what_node_groups_were_given() -> None:
    from moto.eks.responses import EKSResponse  # noqa: PLC0415

    original = EKSResponse.create_nodegroup

    @functools.wraps(original)
    def create_nodegroup(self: Any) -> Any:
        answer = original(self)
        cluster = self.eks_backend.clusters[self._get_param("name")]
        group = cluster.nodegroups[self._get_param("nodegroupName")]
        group.remote_access = self._get_param("remoteAccess")
        group.disk_size = None if group.launch_template else group.disk_size
        group.version = self._get_param("version") or cluster.version
        group.update_config = self._get_param("updateConfig") or {"maxUnavailable": 1}
        group.node_repair_config = self._get_param("nodeRepairConfig")
        return answer

    EKSResponse.create_nodegroup = create_nodegroup  # type: ignore[method-assign]
