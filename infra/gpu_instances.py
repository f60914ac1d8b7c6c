"""What GPU instances are: CPUs, GPUs, how a GPU can be divided, and under which name pods ask for a part.

The table of instances is compared in tests with the answers of EC2's DescribeInstanceTypes that moto
carries. The table of MIG profiles follows NVIDIA's MIG user guide as Google's GKE device manager and
NVIDIA's mig-parted repeat it (read 2026-11-21); no GPU has been divided by this project yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

WHOLE = "nvidia.com/gpu"
"""Resource name of a whole GPU, as the NVIDIA device plugin offers it."""
SHARED = "nvidia.com/gpu.shared"
"""Resource name of a time slice (``renameByDefault``): who asks for a whole GPU never gets a slice of one."""


@dataclass(frozen=True)
class GpuInstance:
    """One instance type.

    Args:
        vcpus: Virtual CPUs, which EC2's quotas count.
        gpus: NVIDIA GPUs.
        model: Name of the GPU as EC2 gives it.
    """

    vcpus: int
    gpus: int
    model: str


def _family(family: str, model: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, GpuInstance]:
    return {f"{family}.{size}": GpuInstance(vcpus, gpus, model) for size, (vcpus, gpus) in sizes.items()}


_ONE = {"xlarge": (4, 1), "2xlarge": (8, 1), "4xlarge": (16, 1), "8xlarge": (32, 1), "16xlarge": (64, 1)}
_FOUR = {"12xlarge": (48, 4), "24xlarge": (96, 4), "48xlarge": (192, 8)}
INSTANCES: Mapping[str, GpuInstance] = {
    **_family("g4dn", "T4", {**_ONE, "12xlarge": (48, 4)}),
    **_family("g5", "A10G", {**_ONE, **_FOUR}),
    **_family("g6", "L4", {**_ONE, **_FOUR}),
    **_family("g6e", "L40S", {**_ONE, **_FOUR}),
    "p4d.24xlarge": GpuInstance(96, 8, "A100"),
    "p4de.24xlarge": GpuInstance(96, 8, "A100 80GB"),
    "p5.4xlarge": GpuInstance(16, 1, "H100"),
    "p5.48xlarge": GpuInstance(192, 8, "H100"),
    "p5en.48xlarge": GpuInstance(192, 8, "H200"),
    "p6-b200.48xlarge": GpuInstance(192, 8, "B200"),
}
"""Instance type to what it has: x86 with whole NVIDIA GPUs, sold on demand at a list price. EC2 calls both
GPUs of p4d and p4de A100; they differ in memory, and so in their MIG profiles."""

MIG_PROFILES: Mapping[str, Mapping[str, int]] = {
    "A100": {"1g.5gb": 7, "1g.10gb": 4, "2g.10gb": 3, "3g.20gb": 2, "4g.20gb": 1, "7g.40gb": 1},
    "A100 80GB": {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "4g.40gb": 1, "7g.80gb": 1},
    "H100": {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "4g.40gb": 1, "7g.80gb": 1},
    "H200": {"1g.18gb": 7, "1g.35gb": 4, "2g.35gb": 3, "3g.71gb": 2, "4g.71gb": 1, "7g.141gb": 1},
    "B200": {"1g.23gb": 7, "1g.45gb": 4, "2g.45gb": 3, "3g.90gb": 2, "4g.90gb": 1, "7g.180gb": 1},
}
"""GPU to its MIG profiles, and how many instances of one profile fit on it. Others cannot be divided."""


@dataclass(frozen=True)
class Offer:
    """What one node offers to pods.

    Args:
        resource: Name under which pods ask for it.
        units: How many of it there are on a node.
    """

    resource: str
    units: int


def offer(kind: str, *, time_slices: int, mig_profile: str) -> Offer:
    """Return what a node of a type offers when its GPUs are divided in one way.

    Args:
        kind: Instance type, such as ``g5.12xlarge``.
        time_slices: Pods that share one GPU by turns; 1 for none.
        mig_profile: MIG profile of every GPU, such as ``1g.10gb``; empty for none.

    Raises:
        KeyError: The type, or the profile on its GPU, is not known; the settings refuse both.
    """
    instance = INSTANCES[kind]
    if mig_profile:
        each = MIG_PROFILES[instance.model][mig_profile]
        return Offer(f"nvidia.com/mig-{mig_profile}", instance.gpus * each)
    if time_slices > 1:
        return Offer(SHARED, instance.gpus * time_slices)
    return Offer(WHOLE, instance.gpus)
