"""The Kubernetes API of the local platform: etcd, API server, controller manager, scheduler.

All of it is the real thing, on loopback, with certificates and RBAC. The front-proxy (aggregation)
authority is left out: nothing here extends the API through an extension server.
"""
