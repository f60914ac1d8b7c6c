"""The program as a whole, on a recording engine."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from infra import program, providers
from infra.outputs import Outputs
from infra.settings import Settings


def test_program_registers_everything_a_service_needs(
    settings: Settings, run_program: Callable[[Callable[[], Any]], Any]
) -> None:
    record = run_program(lambda: program.build(settings, providers.build(settings)).export())

    types = {resource.type for resource in record.resources}

    assert "aws:kms/key:Key" in types
    assert len(record.of_type("aws:s3/bucket:Bucket")) == 7
    made = {r.name for r in record.of_type("kubernetes:apps/v1:Deployment")}
    watching = {"alertmanager", "grafana", "kube-state-metrics", "prometheus"}
    assert made == {"cluster-autoscaler", "credit-risk", *watching}


def test_every_output_is_described() -> None:
    assert all(text.endswith(".") for text in Outputs.descriptions().values())
    assert len(Outputs.descriptions()) == len(fields(Outputs))
