"""Settings of what everything else stands on: network, identities, registry, cluster, GPU pools."""

from typing import Annotated, Literal

from pydantic import Field

from infra.settings_base import IMAGE_PATTERN, Frozen, Name

LogDays = Literal[400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
"""Days that CloudWatch Logs takes as a retention, from the audit minimum of a year on."""


class NetworkSettings(Frozen):
    """Addresses, zones, and the way out."""

    cidr: Annotated[
        str,
        Field(description="Addresses of the network, such as 10.0.0.0/16; a private range of /16 to /28."),
    ] = "10.0.0.0/16"
    zones: Annotated[
        int, Field(ge=2, le=6, description="Zones, in the region's order; EKS needs two, production three.")
    ] = 3
    private_prefix: Annotated[
        int,
        Field(
            ge=16,
            le=28,
            description="Prefix length of each zone's private subnet; each pod takes an address.",
        ),
    ] = 19
    public_prefix: Annotated[
        int,
        Field(ge=16, le=28, description="Prefix length of a public subnet; nothing but NAT stands in it."),
    ] = 28
    nat: Annotated[
        Literal["none", "one", "each"],
        Field(
            description="NAT gateways: none (endpoints are the only way out), one for all zones, or one in "
            "each, so that the loss of a zone takes no other one's way out."
        ),
    ] = "none"
    apart_from: Annotated[
        list[str],
        Field(description="Networks that must stay reachable; an overlap is refused, also with services."),
    ] = []  # noqa: RUF012 - pydantic copies it for each instance
    service_cidr: Annotated[
        str, Field(description="Addresses of Kubernetes services; outside the network, /12 to /24.")
    ] = "172.20.0.0/16"

    def nat_gateways(self) -> int:
        """Return how many NAT gateways there are."""
        return {"none": 0, "one": 1, "each": self.zones}[self.nat]


class IdentitySettings(Frozen):
    """Who may become which role."""

    sso_path: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9+=,.@_*/-]{1,128}$",
            description="Name of the roles, after `role/`, that the organisation's single sign-on gives to "
            "people; people's duties are taken over from these and from nothing else.",
        ),
    ] = "aws-reserved/sso.amazonaws.com/*"
    repository: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$|^$",
            description="GitHub repository (owner/name) whose workflows deploy; empty: no CI roles.",
        ),
    ] = ""
    deploy_environment: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_.-]{1,64}$|^$",
            description="GitHub environment from which deployments come; its reviewers stand behind each. "
            "Empty: named like the stack.",
        ),
    ] = ""
    session_hours: Annotated[
        int, Field(ge=1, le=8, description="Longest session of a person, in hours; a working day at most.")
    ] = 4


class RegistrySettings(Frozen):
    """Images."""

    keep_images: Annotated[
        int,
        Field(
            ge=5,
            le=500,
            description="Images of each service that are kept; the rollback target must be among them, so "
            "at least as many as are released between two looks.",
        ),
    ] = 50
    untagged_days: Annotated[
        int, Field(ge=1, le=90, description="Days after which an image without any tag goes.")
    ] = 14


AUTOSCALERS = {
    "1.35": "sha256:aac369dc283927a623deb1af54696efcc722ae79255aa07788422e495bab887d",  # v1.35.2
    "1.36": "sha256:461388d03eb5b55db58941ee7a81d9a619dd15302b01cbab9f5a9946715994b4",  # v1.36.1
}
"""Kubernetes version to the release of the Cluster Autoscaler that is made for it: digest of its image."""


class ClusterSettings(Frozen):
    """The Kubernetes control plane and its system nodes."""

    version: Annotated[
        Literal["1.33", "1.34", "1.35", "1.36"],
        Field(description="Kubernetes version; those in EKS standard support."),
    ] = "1.36"
    public_cidrs: Annotated[
        list[str],
        Field(
            description="Networks from which the Kubernetes API can be reached; none: only from inside the "
            "network. The whole internet is refused."
        ),
    ] = []  # noqa: RUF012 - pydantic copies it for each instance
    log_days: Annotated[
        LogDays, Field(description="Days for which control-plane and flow logs are kept; a year at least.")
    ] = 400
    system_instance_types: Annotated[
        list[str], Field(min_length=1, description="Instance types of the system nodes, by preference.")
    ] = ["m7i.large"]  # noqa: RUF012 - pydantic copies it for each instance
    system_nodes: Annotated[
        int, Field(ge=2, le=20, description="System nodes; two at least, so that one may be lost.")
    ] = 2
    serving_instance_types: Annotated[
        list[str], Field(min_length=1, description="Instance types of the nodes of services, by preference.")
    ] = ["m7i.large"]  # noqa: RUF012 - pydantic copies it for each instance
    serving_nodes: Annotated[
        int,
        Field(
            ge=2,
            le=100,
            description="Fewest nodes of services; the autoscaler makes them up to three times as many.",
        ),
    ] = 2
    autoscaler_image: Annotated[
        str,
        Field(
            pattern=IMAGE_PATTERN + "|^$",
            description="Cluster Autoscaler of this Kubernetes version, by digest; one of registry.k8s.io is "
            "pulled from the stack's own copy. Left out: the release that AUTOSCALERS in "
            "infra/settings_foundation.py pins for the version; nobody has run it here.",
        ),
    ] = ""
    deletion_protection: Annotated[
        bool, Field(description="Whether EKS refuses to delete the cluster; to be taken back knowingly.")
    ] = True
    addons: Annotated[
        dict[Name, str],
        Field(
            description="EKS add-on to its pinned version, as in `vpc-cni: v1.20.4-eksbuild.2`; the same in "
            "all environments of a version, so a change is tried before production."
        ),
    ] = {}  # noqa: RUF012 - pydantic copies it for each instance

    def autoscaler(self) -> str:
        """Return the image of the autoscaler: the one that is named, or the release of the version."""
        return (
            self.autoscaler_image
            or f"registry.k8s.io/autoscaling/cluster-autoscaler@{AUTOSCALERS[self.version]}"
        )


class PoolSettings(Frozen):
    """One pool of nodes."""

    instance_types: Annotated[
        list[str], Field(min_length=1, description="Instance types by preference; of GPU pools, NVIDIA.")
    ]
    capacity: Annotated[
        Literal["ON_DEMAND", "SPOT"],
        Field(description="SPOT is cheaper and can be taken away with two minutes' notice."),
    ] = "ON_DEMAND"
    min_nodes: Annotated[
        int, Field(ge=0, le=100, description="Nodes that are always there; 0 costs nothing.")
    ] = 0
    max_nodes: Annotated[
        int, Field(ge=1, le=100, description="Most nodes, which is what the pool may cost.")
    ] = 2
    disk_gib: Annotated[
        int, Field(ge=50, le=2000, description="Volume of a node in GiB; CUDA images take 10 to 20 each.")
    ] = 200
    time_slices: Annotated[
        int,
        Field(
            ge=1,
            le=16,
            description="Pods that share one GPU by turns, without memory protection between them; 1: none. "
            "Pods ask for `nvidia.com/gpu.shared` then.",
        ),
    ] = 1
    mig_profile: Annotated[
        str,
        Field(
            pattern=r"^$|^[1-7]g\.[1-9][0-9]{0,2}gb$",
            description="Hardware partition (MIG) of every GPU, such as 1g.10gb, with memory of its own; not "
            "together with time slices, and only where the GPU has it. Pods ask for "
            "`nvidia.com/mig-<profile>` then.",
        ),
    ] = ""
    hours_per_month: Annotated[
        int,
        Field(
            ge=1,
            le=730,
            description="Hours of a month for which the pool is reckoned at its largest; with the price of "
            "an hour it must stay within the budget. 730: always.",
        ),
    ] = 730


class GpuSettings(Frozen):
    """Who may use GPUs, and how many."""

    pools: Annotated[dict[Name, PoolSettings], Field(description="The GPU pools of this environment.")] = {}  # noqa: RUF012 - pydantic copies it for each instance
    group: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9-]{1,60}[a-z0-9]$",
            description="Kubernetes group that may create in the GPU namespace.",
        ),
    ] = "gpu-users"
    quota: Annotated[
        int,
        Field(
            ge=0,
            le=6400,
            description="Units (GPUs, time slices, MIG instances) of each kind that all pods of the "
            "namespace may ask for together.",
        ),
    ] = 8
    device_plugin_image: Annotated[
        str,
        Field(
            pattern=IMAGE_PATTERN,
            description="NVIDIA device plugin by digest. One of nvcr.io is pulled from the stack's own copy, "
            "since nodes have no way to the internet. The default is that of NVIDIA's GPU operator 25.3.1; "
            "nobody has run it here.",
        ),
    ] = (
        "nvcr.io/nvidia/k8s-device-plugin"
        "@sha256:037160a36de0f060fc21cc0cb2f795d980282ff1471b55530433ca4350b24c4f"
    )
    exporter_image: Annotated[
        str,
        Field(
            pattern=IMAGE_PATTERN,
            description="DCGM exporter by digest; the same holds for it.",
        ),
    ] = (
        "nvcr.io/nvidia/k8s/dcgm-exporter"
        "@sha256:6c78381d83e2ccd84e9645d35d8768d98a52b73c75d1bb9395b5f030ce9bd3a4"
    )
