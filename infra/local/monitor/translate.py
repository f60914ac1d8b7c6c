"""From the cluster's configuration to the laptop's: addresses of targets, and nothing else. Pure."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDPOINT = "__meta_kubernetes_pod_annotation_plinth_dev_endpoint"
"""Annotation by which the runner says at which loopback port a pod's process listens."""
LOOPBACK = r"(127\.0\.0\.1:\d{1,5})"
SERVICES = "services"
"""The job whose pods have processes."""
FED_JOB, FED_PATH = "fed", "/fed"
"""Job of metrics that a drill feeds; its page is empty at all other times."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are on this machine.

    Args:
        kubeconfig: With which pods are found.
        processes: Job to the address of the platform's part that stands for its pods.
        simulated: Address of the page that stands for pods without a process.
        alertmanager: Where alerts go.
        aws: The local AWS API's proxy, through which messages go and nowhere else.
        aws_authority: File with the certificate that this proxy shows.
    """

    kubeconfig: str
    processes: Mapping[str, str]
    simulated: str
    alertmanager: str
    aws: str
    aws_authority: str


def prometheus(config: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Return the configuration of Prometheus with this machine's addresses.

    Intervals, rules, labels and what is kept of each page stay as they are in the cluster.
    """
    found = copy.deepcopy(dict(config))
    found["scrape_configs"] = [_job(job, places) for job in found.get("scrape_configs", [])]
    found["scrape_configs"].append(
        {
            "job_name": FED_JOB,
            "honor_labels": True,
            "metrics_path": FED_PATH,
            "static_configs": [{"targets": [places.simulated]}],
        }
    )
    found["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [places.alertmanager]}]}]}
    found.pop("remote_write", None)  # the long-term store is AWS's alone
    return found


def _job(job: dict[str, Any], places: Places) -> dict[str, Any]:
    name = job["job_name"]
    if name in places.processes:
        kept = {key: job[key] for key in job if key not in ("kubernetes_sd_configs", "relabel_configs")}
        return kept | {"static_configs": [{"targets": [places.processes[name]]}]}
    for discovery in job.get("kubernetes_sd_configs", []):
        discovery["kubeconfig_file"] = places.kubeconfig
    if name == SERVICES:
        own = {"source_labels": [ENDPOINT], "regex": LOOPBACK}
        added = [{**own, "action": "keep"}, {**own, "target_label": "__address__", "replacement": "$1"}]
    else:
        added = [{"target_label": "__address__", "replacement": places.simulated}]
    return job | {"relabel_configs": [*job.get("relabel_configs", []), *added]}


def alertmanager(config: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Return the configuration of Alertmanager whose messages stay on this machine.

    Every receiver but SNS goes, since nothing stands for it here; a topic is reached through the local AWS
    API's proxy. Alertmanager asks no proxy of its environment, so without this a message would leave.
    """
    found = copy.deepcopy(dict(config))
    found["receivers"] = [
        {
            "name": receiver["name"],
            "sns_configs": [
                one
                | {"http_config": {"proxy_url": places.aws, "tls_config": {"ca_file": places.aws_authority}}}
                for one in receiver.get("sns_configs", [])
            ],
        }
        for receiver in found.get("receivers", [])
    ]
    return found
