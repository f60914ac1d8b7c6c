"""The laptop's gateway: the cluster's HTTPRoutes served by the real Envoy, configured by files.

In production Envoy Gateway reads the same routes and configures the same proxy. Here a small controller
does, for one address on loopback; what it reads is listed in its role (rbac.yaml), what it writes are
Envoy's own route, cluster and endpoint files and the conditions on routes and gateways.
"""

from infra.local.gateway.bootstrap import write_bootstrap

CONTROLLER_NAME = "plinth.dev/local-gateway"
"""GatewayClasses with this controllerName are ours."""

__all__ = ["CONTROLLER_NAME", "write_bootstrap"]
