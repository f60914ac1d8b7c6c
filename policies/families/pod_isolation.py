"""What keeps a pod apart from its node: no host namespaces, ports or paths, and the kernel's own defaults."""

from collections.abc import Iterator

from policies.core import At, Outcome, PolicySettings, failed, passed, require, undecided
from policies.core.verdicts import Verdict, is_false, one_of
from policies.exemptions import exempted
from policies.families.pod_view import Pod

VOLUME_TYPES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
"""Volume types of the restricted Pod Security Standard."""
SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    }
)
"""Kernel settings that the baseline Pod Security Standard counts as namespaced and safe."""
SELINUX_TYPES = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")
"""SELinux types of the baseline Pod Security Standard."""
APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
"""Beginning of the annotations that named AppArmor profiles before there was a field for them."""


def avoids_host(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    """Judge what a pod shares with its node: process, IPC and network namespaces, ports, paths."""
    for key in ("hostPID", "hostIPC", "hostNetwork"):
        yield require(pod.spec.at(key), is_false, "must be false", absent=Verdict.PASSED)
    for container in pod.containers:
        for port in container.at.at("ports").each():
            yield require(
                port.at("hostPort"), lambda value: value == 0, "must not be set", absent=Verdict.PASSED
            )
    paths = exempted("pod-avoids-host", pod.owner)
    for volume in pod.spec.at("volumes").each():
        host = volume.at("hostPath")
        if paths and host.known:
            yield require(
                host.at("path"), lambda value: value in paths, "is no path that exemptions.yaml allows it"
            )
        else:
            yield require(host, lambda _: False, "must not be used", absent=Verdict.PASSED)


def keeps_kernel_defaults(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    """Judge volume types, proc mount, kernel settings, AppArmor, SELinux and Windows host processes."""
    for volume in pod.spec.at("volumes").each():
        yield _volume(volume)
    for item in pod.spec.at("securityContext", "sysctls").each():
        yield require(item.at("name"), lambda value: value in SAFE_SYSCTLS, "is not a safe kernel setting")
    annotations = pod.metadata.at("annotations")
    for key in annotations.keys():  # noqa: SIM118 - a cursor, not a mapping
        if key.startswith(APPARMOR_ANNOTATION):
            yield require(
                annotations.at(key), _apparmor_annotation, "must be runtime/default or localhost/..."
            )
    yield from _context(pod.spec.at("securityContext"))
    for container in pod.containers:
        context = container.at.at("securityContext")
        yield from _context(context)
        yield require(context.at("procMount"), one_of("Default"), "must be Default", absent=Verdict.PASSED)


def _volume(volume: At) -> Outcome:
    if volume.unknown:
        return undecided(volume)
    # A path on the host is the business of another control, which names it.
    foreign = sorted(set(volume.keys()) - VOLUME_TYPES - {"name", "hostPath"})
    set_ones = [place for place in map(volume.at, foreign) if not place.absent]
    return failed(set_ones[0], "is no volume type of the restricted standard") if set_ones else passed()


def _context(context: At) -> Iterator[Outcome]:
    allowed = {
        ("appArmorProfile", "type"): one_of("RuntimeDefault", "Localhost"),
        ("seLinuxOptions", "type"): one_of("", *SELINUX_TYPES),
        ("seLinuxOptions", "user"): one_of(""),
        ("seLinuxOptions", "role"): one_of(""),
        ("windowsOptions", "hostProcess"): is_false,
    }
    for keys, test in allowed.items():
        yield require(
            context.at(*keys), test, "is not allowed by the baseline standard", absent=Verdict.PASSED
        )


def _apparmor_annotation(value: object) -> bool:
    return isinstance(value, str) and (value == "runtime/default" or value.startswith("localhost/"))
