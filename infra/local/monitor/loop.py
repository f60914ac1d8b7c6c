"""Keeps the files of Prometheus and Alertmanager as the cluster's ConfigMaps say, and has them read."""

import http.client
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from infra.local.certs import write_private
from infra.local.control_plane.kube_api import KubeApi, KubeError
from infra.local.monitor import (
    ALERTMANAGER_FILE,
    DRILL_FILE,
    FED_FILE,
    NAMESPACE,
    PROMETHEUS_FILE,
    RULES_FILE,
    hurry,
    translate,
)

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two looks at two small objects: quick enough for a person, and nothing for the API server."""
ASK_SECONDS = 5.0
SIMULATED = "# HELP plinth_simulated_pod This pod has no process here.\nplinth_simulated_pod 1\n"
NOBODY = {"source_labels": ["__address__"], "regex": ".*", "action": "drop"}
"""Drops every target of a job."""
NOTHING: dict[str, dict[str, Any]] = {
    PROMETHEUS_FILE: {"global": {"scrape_interval": "15s"}, "rule_files": [RULES_FILE], "scrape_configs": []},
    RULES_FILE: {"groups": []},
    ALERTMANAGER_FILE: {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]},
}
"""What both read before the program has said anything."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where things come from and go to.

    Args:
        kube: The API server.
        folder: Of the files.
        places: Addresses on this machine.
        prometheus: Port of Prometheus.
        alertmanager: Port of Alertmanager.
    """

    kube: KubeApi
    folder: Path
    places: translate.Places
    prometheus: int
    alertmanager: int


def run(sources: Sources) -> None:
    """Look again and again, for ever."""
    said = ""
    unread = {"prometheus", "alertmanager"}
    while True:
        try:
            unread |= publish(sources.folder, wanted(sources))
            said = ""
        except (OSError, KubeError, yaml.YAMLError, KeyError) as error:
            # Said once, not at every look; what is written stays in force.
            if said != (said := f"{type(error).__name__}: {error}"):
                log.warning("%s; the last files stay in force", said)
        for name in sorted(unread):
            if reload(getattr(sources, name)):
                unread.discard(name)
        time.sleep(LOOK_SECONDS)


def wanted(sources: Sources) -> dict[str, str]:
    """Return the files as they should be now.

    Raises:
        KubeError: The API server refused to tell.
        OSError: It does not answer.
    """
    found = {
        **_config_map(sources.kube, "prometheus"),
        **_config_map(sources.kube, "alertmanager"),
    }
    documents = {
        name: yaml.load(found[name], yaml.CSafeLoader) if name in found else NOTHING[name] for name in NOTHING
    }
    documents[PROMETHEUS_FILE] = translate.prometheus(documents[PROMETHEUS_FILE], sources.places)
    documents[ALERTMANAGER_FILE] = translate.alertmanager(documents[ALERTMANAGER_FILE], sources.places)
    return {
        name: yaml.safe_dump(one, sort_keys=False) for name, one in hurried(sources.folder, documents).items()
    }


def hurried(folder: Path, documents: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documents with shorter times while a drill is on, else as they are."""
    drill = drill_of(folder)
    if drill is None:
        return dict(documents)
    divisor, every = float(drill["divisor"]), int(drill["scrape_seconds"])
    gone = set(drill.get("without", []))
    found = hurry.scraping(documents[PROMETHEUS_FILE], scrape_seconds=every)
    for job in found["scrape_configs"]:
        if job["job_name"] in gone:
            # Its targets go, not the job: of a job that goes, the last values are seen for five minutes more.
            job["relabel_configs"] = [*job.get("relabel_configs", []), NOBODY]
    return {
        PROMETHEUS_FILE: found,
        RULES_FILE: hurry.rules(documents[RULES_FILE], divisor=divisor, scrape_seconds=every),
        ALERTMANAGER_FILE: _led_to(
            drill.get("aws"), hurry.routing(documents[ALERTMANAGER_FILE], divisor=divisor)
        ),
    }


def _led_to(aws: str | None, config: dict[str, Any]) -> dict[str, Any]:
    """Lead messages to another loopback address, for the drill of a delivery that fails."""
    for receiver in config["receivers"]:
        for one in receiver.get("sns_configs", []):
            if aws and aws.startswith("http://127.0.0.1:"):
                one["http_config"]["proxy_url"] = aws
    return config


def drill_of(folder: Path) -> dict[str, Any] | None:
    """Return what a drill asks for; None when there is none."""
    try:
        found = json.loads((folder / DRILL_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"divisor", "scrape_seconds"} <= found.keys() else None


def publish(folder: Path, files: Mapping[str, str]) -> set[str]:
    """Write what has changed; return which programs must read again."""
    changed = {
        name
        for name, text in files.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    }
    for name in sorted(changed):
        write_private(folder / name, files[name])
    if changed:
        log.info("written: %s", ", ".join(sorted(changed)))
    return {"alertmanager" if name == ALERTMANAGER_FILE else "prometheus" for name in changed}


def reload(port: int) -> bool:
    """Tell a program to read its files again; return whether it did."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_SECONDS)
    try:
        connection.request("POST", "/-/reload")
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    if answer.status != http.client.OK:
        log.warning("port %s refuses its new files: %s", port, text.strip())
    # A refusal will not go away by asking again; new files are a new question.
    return True


def _config_map(kube: KubeApi, name: str) -> dict[str, str]:
    try:
        found = kube.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}")
    except KubeError as error:
        if error.status == http.client.NOT_FOUND:
            return {}
        raise
    return dict(found.get("data") or {})


def serve_pages(port: int, folder: Path) -> ThreadingHTTPServer:
    """Serve what stands for pods without a process, and what a drill feeds, on loopback, in a thread."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fed = folder / FED_FILE
            if self.path.startswith(translate.FED_PATH):
                text = fed.read_text(encoding="utf-8") if fed.exists() else ""
            else:
                text = SIMULATED
            body = text.encode()
            self.send_response(http.client.OK)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of each scrape."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Pages)
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()
    return server
