"""The configuration of Prometheus: what is scraped, how it is found, where alerts and samples go. Pure.

Targets are found in Kubernetes by namespace and label. Locally the same text is used, and only the address of
a target is translated (infra/local/monitor).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

RULES_FILE = "rules.yml"
CONFIG_FILE = "prometheus.yml"
TARGET_LIMIT = 2000
"""Targets of one job: more is a mistake in a selector, and would take the memory of all."""
SAMPLE_LIMIT = 20_000
"""Samples of one scrape. A service has about 300; labels that grow without end are cut off here."""
_POD = "__meta_kubernetes_pod"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One kind of target.

    Args:
        name: Of the job.
        namespace: Where its pods run.
        app: Label ``app.kubernetes.io/name`` of the pods; empty for every pod of ``part_of``.
        port: Name of the container's port.
        part_of: Label ``app.kubernetes.io/part-of``.
        keep: Names of metrics that are kept, as a pattern.
        service: Whether the pods' app is a model service, whose name becomes the label ``service``.
    """

    name: str
    namespace: str
    app: str = ""
    port: str = "metrics"
    part_of: str = "plinth"
    keep: str = ""
    service: bool = False


@dataclass(frozen=True, kw_only=True)
class Scraping:
    """What the configuration hangs on.

    Args:
        environment: Goes with every sample and alert that leaves.
        region: Region of the stack.
        interval_seconds: Between two scrapes, and two evaluations of the rules.
        jobs: What is scraped.
        namespace: Where Alertmanager runs.
        remote_write_url: Long-term store; empty for none.
    """

    environment: str
    region: str
    interval_seconds: int
    jobs: tuple[Job, ...]
    namespace: str
    remote_write_url: str = ""


def jobs(*, monitoring: str, serving: str, gpu_system: str, autoscaler: str) -> tuple[Job, ...]:
    """Return what is scraped in an environment.

    Args:
        monitoring: Namespace of what watches.
        serving: Namespace of the services.
        gpu_system: Namespace of the DCGM exporter; empty when there are no GPUs.
        autoscaler: Namespace of the Cluster Autoscaler.
    """
    found = [
        Job(name="services", namespace=serving, port="http", keep="plinth_.*", service=True),
        Job(name="operations", namespace=monitoring, app="operations", keep="plinth_.*"),
        Job(name="prometheus", namespace=monitoring, app="prometheus", port="http"),
        Job(name="alertmanager", namespace=monitoring, app="alertmanager", port="http"),
        Job(
            name="kube-state-metrics",
            namespace=monitoring,
            app="kube-state-metrics",
            keep="kube_(node|pod|deployment|daemonset)_.*",
        ),
        Job(
            name="node-exporter",
            namespace=monitoring,
            app="node-exporter",
            keep="node_(cpu|memory|filesystem|load|network|disk)_?.*",
        ),
        Job(
            name="cluster-autoscaler",
            namespace=autoscaler,
            app="cluster-autoscaler",
            keep="cluster_autoscaler_.*",
        ),
    ]
    if gpu_system:
        found.append(Job(name="dcgm-exporter", namespace=gpu_system, app="dcgm-exporter", keep="DCGM_.*"))
    return tuple(found)


def document(wanted: Scraping) -> dict[str, Any]:
    """Return the configuration as data."""
    found: dict[str, Any] = {
        "global": {
            "scrape_interval": f"{wanted.interval_seconds}s",
            "scrape_timeout": f"{max(1, min(10, wanted.interval_seconds - 1))}s",
            "evaluation_interval": f"{wanted.interval_seconds}s",
            "external_labels": {"environment": wanted.environment, "region": wanted.region},
        },
        "rule_files": [RULES_FILE],
        "alerting": {
            "alertmanagers": [
                {
                    "kubernetes_sd_configs": [_discovery(wanted.namespace)],
                    "relabel_configs": _selected("alertmanager", "http"),
                }
            ]
        },
        "scrape_configs": [_job(job) for job in wanted.jobs],
    }
    if wanted.remote_write_url:
        found["remote_write"] = [
            {
                "url": wanted.remote_write_url,
                "sigv4": {"region": wanted.region},
                "queue_config": {"max_samples_per_send": 1000, "max_shards": 10},
            }
        ]
    return found


def rendered(wanted: Scraping) -> str:
    """Return the configuration as text."""
    return yaml.safe_dump(document(wanted), sort_keys=False, width=110)


def _discovery(namespace: str) -> dict[str, Any]:
    return {"role": "pod", "namespaces": {"names": [namespace]}}


def _selected(app: str, port: str, part_of: str = "plinth") -> list[Mapping[str, Any]]:
    """Keep pods of an app, and of them one port; a pod that ends is no target any more."""
    label = f"{_POD}_label_app_kubernetes_io"
    rules: list[Mapping[str, Any]] = [
        {"source_labels": [f"{label}_part_of"], "regex": part_of, "action": "keep"},
        {"source_labels": [f"{_POD}_container_port_name"], "regex": port, "action": "keep"},
        {"source_labels": [f"{_POD}_phase"], "regex": "Succeeded|Failed", "action": "drop"},
    ]
    if app:
        rules.insert(1, {"source_labels": [f"{label}_name"], "regex": app, "action": "keep"})
    return rules


def _job(job: Job) -> dict[str, Any]:
    relabel = _selected(job.app, job.port, job.part_of)
    if job.service:
        name = f"{_POD}_label_app_kubernetes_io_name"
        relabel.append({"source_labels": [name], "target_label": "service"})
    # The pod's name outlives no pod and is the same wherever it is scraped.
    relabel.append({"source_labels": [f"{_POD}_name"], "target_label": "instance"})
    relabel.append({"source_labels": [f"{_POD}_node_name"], "target_label": "node"})
    found: dict[str, Any] = {
        "job_name": job.name,
        # What a service calls itself stands; else its own label would be renamed.
        "honor_labels": True,
        "target_limit": TARGET_LIMIT,
        "sample_limit": SAMPLE_LIMIT,
        "kubernetes_sd_configs": [_discovery(job.namespace)],
        "relabel_configs": relabel,
    }
    if job.keep:
        found["metric_relabel_configs"] = [
            {"source_labels": ["__name__"], "regex": job.keep, "action": "keep"}
        ]
    return found
