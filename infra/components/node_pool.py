"""A pool of nodes: a launch template that lets no pod near the node's identity, and a node group from it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

TEMPLATE_TAG = "k8s.io/cluster-autoscaler/node-template/resources"
"""Beginning of the tags that tell the Cluster Autoscaler what a node of an empty group would offer."""
_BOUNDARY = "==PLINTH=="
HOPS = 1
"""Network hops to the metadata service: the node itself. A pod is one further away and gets nothing."""


@dataclass(frozen=True, kw_only=True)
class Taint:
    """What keeps pods away that do not tolerate it.

    Args:
        key: Such as ``nvidia.com/gpu``.
        value: Such as ``present``.
    """

    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class NodePoolArgs:
    """What a pool needs to know.

    Args:
        pool: Name of the pool; label of its nodes and tag of its resources.
        physical_name: Physical name of node group and launch template.
        cluster: Name of the cluster.
        version: Kubernetes version of the nodes.
        role_arn: Role of the nodes.
        subnet_ids: Private subnets.
        instance_types: By preference.
        image_family: EKS image type, such as ``AL2023_x86_64_STANDARD``.
        capacity: ``ON_DEMAND`` or ``SPOT``.
        min_nodes: Fewest nodes; 0 lets the pool vanish while nobody needs it.
        max_nodes: Most nodes.
        disk_gib: Volume of each node.
        disk_key_arn: Key that encrypts it.
        labels: Labels of the nodes besides the pool's name.
        taints: What keeps other pods away.
        offers: What a node offers beside CPU and memory, such as ``nvidia.com/gpu`` to 4: an autoscaler
            reads it from the tags of the node group while there is no node to look at.
        setup: Shell script that prepares a node before it joins; empty for none.
    """

    pool: str
    physical_name: str
    cluster: pulumi.Input[str]
    version: str
    role_arn: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    instance_types: Sequence[str]
    image_family: str
    capacity: str
    min_nodes: int
    max_nodes: int
    disk_gib: int
    disk_key_arn: pulumi.Input[str]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()
    offers: Mapping[str, int] = field(default_factory=dict)
    setup: str = ""


class NodePool(pulumi.ComponentResource):
    """Nodes of one kind, between a smallest and a largest number."""

    node_group_arn: pulumi.Output[str]
    """ARN of the node group."""
    launch_template_id: pulumi.Output[str]
    """Id of the launch template."""

    def __init__(self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the launch template, then the node group."""
        super().__init__("plinth:cluster:NodePool", name, None, opts)
        tags = {"plinth:pool": args.pool}
        template = aws.ec2.LaunchTemplate(
            f"{name}-template",
            name=args.physical_name,
            description=f"Nodes of pool {args.pool}",
            update_default_version=True,
            ebs_optimized="true",
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",  # IMDSv2
                http_put_response_hop_limit=HOPS,
                instance_metadata_tags="disabled",
            ),
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name="/dev/xvda",
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        encrypted="true",
                        kms_key_id=args.disk_key_arn,
                        volume_size=args.disk_gib,
                        volume_type="gp3",
                        delete_on_termination="true",
                    ),
                )
            ],
            # Instances and volumes are made by Auto Scaling, which the provider's own tags do not reach.
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(
                    resource_type=kind, tags={"Name": args.physical_name, **tags}
                )
                for kind in ("instance", "volume")
            ],
            user_data=user_data(args.setup) if args.setup else None,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        group = aws.eks.NodeGroup(
            name,
            node_group_name=args.pool,
            cluster_name=args.cluster,
            version=args.version,
            node_role_arn=args.role_arn,
            subnet_ids=args.subnet_ids,
            ami_type=args.image_family,
            capacity_type=args.capacity,
            instance_types=list(args.instance_types),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=args.min_nodes, max_size=args.max_nodes, desired_size=args.min_nodes
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            labels={"plinth.dev/pool": args.pool, **args.labels},
            taints=[
                aws.eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect="NO_SCHEDULE")
                for taint in args.taints
            ],
            tags=tags | template_tags(args),
            # How many nodes there are now is the autoscaler's business, between the two ends.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["scalingConfig.desiredSize"]),
        )
        self.node_group_arn = group.arn
        self.launch_template_id = template.id
        self.register_outputs(
            {"node_group_arn": self.node_group_arn, "launch_template_id": self.launch_template_id}
        )


def template_tags(args: NodePoolArgs) -> dict[str, str]:
    """Return the tags from which the Cluster Autoscaler knows a node that does not exist yet. Pure.

    Labels and taints it reads from the node group itself. Tags are for what it cannot know: resources that
    device plugins add, and the size of the volume.
    """
    if not args.offers:
        return {}
    resources = {**args.offers, "ephemeral-storage": f"{args.disk_gib}Gi"}
    return {f"{TEMPLATE_TAG}/{name}": str(amount) for name, amount in resources.items()}


def user_data(script: str) -> str:
    """Return a shell script in the form in which EKS merges it with its own: MIME in parts, base64. Pure."""
    lines = [
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"',
        "",
        f"--{_BOUNDARY}",
        'Content-Type: text/x-shellscript; charset="us-ascii"',
        "",
        script.rstrip(),
        "",
        f"--{_BOUNDARY}--",
        "",
    ]
    return base64.b64encode("\n".join(lines).encode("ascii")).decode("ascii")
