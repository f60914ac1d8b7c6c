"""The laptop's stand-in for a kubelet: one BentoML process on loopback for each serving pod.

It registers the node ``plinth-laptop``, follows the pods that the real scheduler binds to it, and
gives each pod a process, honest probes and a true status. What a container would add is absent and
listed in :data:`UNPROVEN`; the list stands on the node, so that nobody takes a green pod for a proof of it.
"""

NODE_NAME = "plinth-laptop"

ENDPOINT_ANNOTATION = "plinth.dev/endpoint"
"""On a pod: ``127.0.0.1:PORT`` of its process, read by the gateway."""

UNPROVEN_ANNOTATION = "plinth.dev/unproven"
"""On the node: what a pod that is ready here has not shown."""

UNPROVEN = (
    "container image build and pull",
    "mount paths (volumes are folders under the working directory's ../volumes)",
    "read-only root, users, capabilities and seccomp",
    "cpu and memory limits",
    "network policy and cluster DNS",
    "service account tokens and Pod Identity",
    "kubectl logs, exec and port-forward",
    "GPUs",
)

MAX_PROCESSES = 24
"""Serving processes on one machine, over all homes. A tiny service takes about 0.25 GB (BentoML's
master and one worker), so that 24 of them fill 6 GB and leave a 16 GB laptop usable."""
