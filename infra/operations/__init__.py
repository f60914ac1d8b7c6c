"""The operations exporter: metrics of what no service tells of itself.

Contracts that hold or do not, cases that wait, backups, trail, budget, certificates, pods of services.
Why it is a program of its own: infra/decisions/0022-operations-exporter.md.
"""
