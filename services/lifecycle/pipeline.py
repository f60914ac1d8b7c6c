"""Training as a pipeline: data in, features, model, gates, registry; every step leaves its record.

A service gives a :class:`Pipeline` in ``services/<service>/pipeline.py``; the rest is the same for all.
"""

import importlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.lifecycle import datasets, features, ingestion
from services.lifecycle.closure import ROOT
from services.lifecycle.datasets import DataSpec
from services.lifecycle.features import Event, FeatureSet
from services.lifecycle.packing import Packable, provenance
from services.lifecycle.registry import Registry, Version
from services.lifecycle.stores import Items, Objects
from services.readiness import contract_file
from services.readiness.contract import Contract
from services.readiness.digests import file_digest, json_digest
from services.readiness.errors import DataError
from services.readiness.hosting import Hosted
from services.readiness.manifest import MANIFEST_FILE, write_manifest

Matrix = npt.NDArray[np.float32]
TIME_UNKNOWN = 0
"""Time of events whose data carry none: before every other, so it is known at any time."""
ONLINE_SECONDS = 30 * 24 * 3600
"""So long the online store keeps an item: services refuse it after a week (``feature_lookup.py``)."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What a service adds to the pipeline.

    Args:
        packable: The service, as it is packed.
        spec: Schema of its data.
        delivery: Returns the data that come with an installed package, as CSV.
        feature_set: Its features.
        records: From accepted rows to what features are computed from, one a row.
        train: Writes a model folder from accepted rows, their digest and their features.
        hosted: How the service answers, for files and queues as for real time.
        labels: From the file of reviewers' labels to a delivery; None where there is no such way.
    """

    packable: Packable
    spec: DataSpec
    delivery: Callable[[], bytes]
    feature_set: FeatureSet
    records: Callable[[pd.DataFrame], Sequence[Mapping[str, Any]]]
    train: Callable[[Path, pd.DataFrame, str, Matrix], Mapping[str, Any]]
    hosted: Hosted
    labels: Callable[[bytes], bytes] | None = None

    @property
    def folder(self) -> Path:
        """Return the service's folder."""
        return ROOT / "services" / self.packable.module

    def contract(self) -> Contract:
        """Return the service's contract."""
        return contract_file.load(self.folder)


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Where a pipeline keeps things.

    Args:
        data: Deliveries, accepted and quarantined rows, reports.
        features: Offline feature tables.
        artifacts: Records of runs.
        registry: Models.
    """

    data: Objects
    features: Objects
    artifacts: Objects
    registry: Registry


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run of the pipeline did.

    Args:
        version: The model that it registered, or found registered already.
        record: Key of the run's record among the artifacts.
        batches: Deliveries that were trained on, by digest.
        features: Digest of the offline feature table.
        quarantined: Rows that were kept out.
    """

    version: Version
    record: str
    batches: list[str]
    features: str
    quarantined: int


def of(service: str) -> Pipeline:
    """Return the pipeline of a service.

    Raises:
        DataError: There is none.
    """
    module = service.replace("-", "_")
    if not (ROOT / "services" / module / "pipeline.py").is_file():
        known = sorted(path.parent.name.replace("_", "-") for path in ROOT.glob("services/*/pipeline.py"))
        raise DataError(f"Service '{service}' has no pipeline.", fix=f"use one of: {', '.join(known)}")
    found = importlib.import_module(f"services.{module}.pipeline").PIPELINE
    assert isinstance(found, Pipeline)
    return found


def run(
    pipeline: Pipeline,
    stores: Stores,
    key: Ed25519PrivateKey,
    *,
    by: str,
    deliveries: Iterable[bytes] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Run:
    """Train on everything that has come in, and register what passes its gates as a candidate.

    Args:
        pipeline: The service's part.
        stores: Where things are kept.
        key: Signs the feature table and the model's manifest.
        by: Who runs it.
        deliveries: New data, as CSV; without any and with an empty store, the package's own.
        say: Told what is being done.

    Raises:
        DataError: The schema changed without a version, or a batch breaks a limit.
        TrainingError: The model is no good, or its export differs.
        RegistryError: A gate is against it.
    """
    spec, contract = pipeline.spec, pipeline.contract()
    datasets.check_version(spec, pipeline.folder)
    say("data")
    batches = ingestion.batches(spec, stores.data)
    new = list(deliveries) or ([] if batches else [pipeline.delivery()])
    for delivery in new:
        good = [batch for batch in batches if not batch.breaches]
        reference = ingestion.load(spec, good, stores.data)[0] if good else None
        batch = ingestion.ingest(spec, delivery, contract, stores.data, reference=reference)
        if batch.breaches:
            ingestion.load(spec, [batch], stores.data)  # says which limits
        batches = [*(one for one in batches if one.source_digest != batch.source_digest), batch]
    # What was blocked when it came in stays out of every later training too.
    batches = [batch for batch in batches if not batch.breaches]
    frame, digest = ingestion.load(spec, batches, stores.data)
    say("features")
    events = _events(pipeline, frame, TIME_UNKNOWN)
    table_digest = features.keep(
        features.compute(pipeline.feature_set, events), pipeline.feature_set, stores.features, key
    )
    table = features.fetch(pipeline.feature_set, table_digest, stores.features, [key.public_key()])
    say("training")
    with tempfile.TemporaryDirectory(prefix="plinth-train-") as temporary:
        folder = Path(temporary) / "model"
        pipeline.train(folder, frame, digest, table.values)
        write_manifest(folder)
        say("gates and registry")
        version = stores.registry.register(folder, contract, key, by=by, provenance=provenance())
        record_digest = file_digest(folder / "record.json")
        manifest = file_digest(folder / MANIFEST_FILE)
    if version.stage == "registered":
        version = stores.registry.move(version, "candidate", by=by, why="validated")
    done = {
        "service": pipeline.packable.name,
        "schema": {"name": spec.name, "version": spec.version, "digest": spec.digest()},
        "batches": [batch.source_digest for batch in batches],
        "data_digest": digest,
        "rows": len(frame),
        "feature_table": table_digest,
        "feature_definition": pipeline.feature_set.definition,
        "record": record_digest,
        "manifest": manifest,
        "model": version.digest,
        "figures": dict(version.figures),
    }
    name = f"runs/{pipeline.packable.name}/{json_digest(done).removeprefix('sha256:')}.json"
    stores.artifacts.put(name, json.dumps(done, indent=2, sort_keys=True).encode())
    return Run(
        version=version,
        record=name,
        batches=[batch.source_digest for batch in batches],
        features=table_digest,
        quarantined=sum(batch.quarantined for batch in batches),
    )


def publish(pipeline: Pipeline, stores: Stores, items: Items, key: Ed25519PrivateKey, *, seconds: int) -> int:
    """Write what is known of every subject to the online store; return how many were written.

    Args:
        pipeline: The service's part.
        stores: Where the accepted rows are.
        items: The online store.
        key: Signs the items.
        seconds: Time at which the values count as known: the rows carry none of their own.

    Raises:
        DataError: Nothing has come in yet.
    """
    batches = [one for one in ingestion.batches(pipeline.spec, stores.data) if not one.breaches]
    if not batches:
        raise DataError("No data have come in yet.", fix=f"./plinth train {pipeline.packable.name}")
    frame, _ = ingestion.load(pipeline.spec, batches, stores.data)
    table = features.compute(pipeline.feature_set, _events(pipeline, frame, seconds))
    return features.publish(table, items, key, lifetime_seconds=ONLINE_SECONDS)


def _events(pipeline: Pipeline, frame: pd.DataFrame, seconds: int) -> list[Event]:
    return [
        Event(subject=f"row-{number:08d}", seconds=seconds, record=record)
        for number, record in enumerate(pipeline.records(frame))
    ]
