"""What Envoy starts with: its files, its listener and its administration port, all on loopback."""

import json
from pathlib import Path
from typing import Any

from infra.local.gateway.files import CLUSTERS, ROUTES, empty_config, write_atomically

ROUTE_CONFIG = "plinth"
_LISTENERS, _BOOTSTRAP = "lds.json", "bootstrap.json"
ACCESS_LOG = "access.log"
_TYPE = "type.googleapis.com/"

CLIENT_IDLE_SECONDS = 60
"""How long a client's idle connection is kept; the usual value of load balancers in front."""

STREAM_IDLE_SECONDS = 60
"""How long a request may go without a byte in either direction, against clients that never finish."""

MOST_CLIENT_CONNECTIONS = 2000
"""Connections of clients at one time: above any local load test, below what would exhaust file handles."""

_ACCESS_FIELDS = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    # Without its query: that part may hold what a person typed.
    "path": "%PATH(NQ)%",
    "host": "%REQ(:AUTHORITY)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "route": "%ROUTE_NAME%",
}


def write_bootstrap(xds_dir: Path, admin_port: int, listener_port: int) -> Path:
    """Write Envoy's start configuration and return the file for ``envoy -c``.

    Dynamic files are created empty where absent. Those of an earlier run stay, so that Envoy serves at once
    after a restart, even while the API server is away.

    Args:
        xds_dir: Folder of all files; Envoy must be able to read it, the controller to write it.
        admin_port: Loopback port of Envoy's administration.
        listener_port: Loopback port on which requests are served.
    """
    xds_dir = xds_dir.absolute()
    xds_dir.mkdir(parents=True, exist_ok=True)
    for name, content in empty_config().items():
        if not (xds_dir / name).exists():
            write_atomically(xds_dir / name, content)
    write_atomically(xds_dir / _LISTENERS, _encode({"resources": [_listener(xds_dir, listener_port)]}))
    bootstrap = {
        "node": {"id": "plinth-local", "cluster": "plinth-local"},
        "admin": {"address": _loopback(admin_port)},
        "overload_manager": {"resource_monitors": [_connection_limit()]},
        "dynamic_resources": {
            "lds_config": source(xds_dir / _LISTENERS),
            "cds_config": source(xds_dir / CLUSTERS),
        },
    }
    write_atomically(xds_dir / _BOOTSTRAP, _encode(bootstrap))
    return xds_dir / _BOOTSTRAP


def source(path: Path) -> dict[str, Any]:
    """Return the configuration source of one watched file."""
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _listener(xds_dir: Path, port: int) -> dict[str, Any]:
    """Return the one listener. It never changes while Envoy runs: that would drain its connections."""
    manager = {
        "@type": f"{_TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "rds": {"route_config_name": ROUTE_CONFIG, "config_source": source(xds_dir / ROUTES)},
        "http_filters": [
            {
                "name": "envoy.filters.http.buffer",
                "disabled": True,  # a route with a body limit switches it on
                "typed_config": {
                    "@type": f"{_TYPE}envoy.extensions.filters.http.buffer.v3.Buffer",
                    "max_request_bytes": 1,
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}envoy.extensions.filters.http.router.v3.Router"},
            },
        ],
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{_TYPE}envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": str(xds_dir / ACCESS_LOG),
                    "log_format": {"json_format": _ACCESS_FIELDS},
                },
            }
        ],
        # An edge proxy trusts no header about where a request came from and gives each one an id of its own.
        "use_remote_address": True,
        "always_set_request_id_in_response": True,
        # Two spellings of one path must not meet two rules.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "strip_any_host_port": True,
        "stream_idle_timeout": f"{STREAM_IDLE_SECONDS}s",
        "common_http_protocol_options": {
            "idle_timeout": f"{CLIENT_IDLE_SECONDS}s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
    }
    return {
        "@type": f"{_TYPE}envoy.config.listener.v3.Listener",
        "name": "gateway",
        "address": _loopback(port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _connection_limit() -> dict[str, Any]:
    name = "envoy.resource_monitors.global_downstream_max_connections"
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    config = {"@type": f"{_TYPE}{kind}", "max_active_downstream_connections": MOST_CLIENT_CONNECTIONS}
    return {"name": name, "typed_config": config}


def _loopback(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _encode(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()
