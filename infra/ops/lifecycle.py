"""Training and the model registry at work, for a stack: in a folder of this clone, or in its AWS account."""

import getpass
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import naming
from infra.data_classes import bucket_name
from infra.errors import Exit, PlinthError, RefusedError
from infra.local.paths import home, repo_root
from infra.ops import contracts, trail
from infra.ops.account import Account
from infra.settings import Settings
from services.lifecycle import inference, ingestion, scaffold
from services.lifecycle import pipeline as pipelines
from services.lifecycle.pipeline import Pipeline, Run, Stores, of, run
from services.lifecycle.registry import Registry, RegistryError, Version
from services.lifecycle.stores import BucketObjects, FolderItems, FolderObjects, Items, TableItems
from services.readiness import attestation, contract_file, dsse
from services.readiness.errors import DataError, ModelRefusedError, ServiceError, TrainingError
from services.readiness.stopping import StopWatch, reading

Place = Literal["folder", "aws"]
REGISTRY_KEYS = {"partition": "model", "sort": "version"}
"""Keys of the registry's table, as infra/wiring/storage.py makes it."""
REFUSALS = (DataError, TrainingError, RegistryError, ModelRefusedError)
"""What the pipeline refuses on purpose; everything else that it raises is a failure."""


def stores(settings: Settings, place: Place) -> Stores:
    """Return where the pipelines of a stack keep things.

    Args:
        settings: The stack's settings.
        place: ``folder`` below this clone's home, or ``aws``: the stack's buckets and tables.
    """
    environment = settings.environment
    if place == "folder":
        root = home() / "lifecycle" / environment
        items: Items = FolderItems(root / "registry", **REGISTRY_KEYS)
        return Stores(
            data=FolderObjects(root / "data"),
            features=FolderObjects(root / "features"),
            artifacts=FolderObjects(root / "artifacts"),
            registry=Registry(FolderObjects(root / "artifacts"), items),
        )
    account = Account.of(settings)
    s3 = account.client("s3")

    def bucket(role: str) -> BucketObjects:
        return BucketObjects(s3, bucket_name(settings, role))

    table = naming.table(environment, "model-registry")
    items = TableItems(account.client("dynamodb"), table, **REGISTRY_KEYS)
    return Stores(
        data=bucket("data"),
        features=bucket("features"),
        artifacts=bucket("artifacts"),
        registry=Registry(bucket("artifacts"), items),
    )


def builder_key(settings: Settings, key_file: Path | None) -> Ed25519PrivateKey:
    """Return the key that signs models: a builder's, or the clone's own on emulated stacks.

    Raises:
        RefusedError: The key may not sign models for this stack.
    """
    development = settings.contracts == "development"
    key = contracts.development_key() if key_file is None and development else None
    if key is None and key_file is not None:
        key = dsse.read_key(key_file)
    trusted = {dsse.key_id(one) for one in contracts.trusted(development=development).builders()}
    if key is None or dsse.key_id(key.public_key()) not in trusted:
        raise RefusedError(
            f"No key is given that may sign models for stack '{settings.environment}'.",
            where="services/signers.yaml, role builder",
            fix="--key FILE with the key of a builder on that list",
        )
    return key


def train(
    service: str,
    settings: Settings,
    *,
    place: Place,
    key_file: Path | None,
    deliveries: Sequence[Path],
    prefix: str | None,
    say: Any,
    labels: Path | None = None,
) -> Run:
    """Run a service's pipeline.

    Args:
        service: Name of the service.
        settings: The stack's settings.
        place: Where things are kept.
        key_file: The builder's key; None for the clone's own.
        deliveries: Files or folders of CSV with new data.
        prefix: Keys in the data store that hold new deliveries.
        say: Told what is being done.
        labels: File of reviewers' labels, as the review queue exports it.

    Raises:
        PlinthError: What was refused and why.
    """
    with told():
        pipeline = of(service)
        kept = stores(settings, place)
        new = [path.read_bytes() for path in _files(deliveries)]
        if prefix is not None:
            new += [kept.data.get(key) for key in kept.data.keys(prefix)]
        if labels is not None:
            if pipeline.labels is None:
                raise DataError(f"Service '{service}' has no way from labels to data.", fix="use --delivery")
            new += [pipeline.labels(path.read_bytes()) for path in _files([labels])]
        by = getpass.getuser()
        return run(pipeline, kept, builder_key(settings, key_file), by=by, deliveries=new, say=say)


def versions(service: str, settings: Settings, place: Place) -> list[Version]:
    """Return every registered model of a service."""
    with told():
        return stores(settings, place).registry.versions(service)


def move(service: str, settings: Settings, place: Place, *, name: str, stage: str, why: str) -> Version:
    """Move a registered model to a stage."""
    with told():
        registry = stores(settings, place).registry
        version = registry.find(service, name)
        if version.stage == "canary" and stage == "production":
            require_contract(version, settings)
        return registry.move(version, stage, by=getpass.getuser(), why=why)


def require_contract(version: Version, settings: Settings) -> None:
    """Refuse a model that is to become the one in production, unless its contract holds for it.

    What was in production before can always come back: a way back that a date can close is none.

    Raises:
        RefusedError: With every reason.
    """
    contract = contract_file.load(contracts.folder(version.model))
    validated = attestation.Evidence(
        name="validation",
        digest=version.manifest_digest,
        passed=not attestation.broken(contract, version.figures),
        made_at=str(version.history[0]["at"]),
        figures=dict(version.figures),
    )
    contracts.require_model(version.model, settings, model_digest=version.digest, proofs=[validated])


def fetch(service: str, settings: Settings, place: Place, *, name: str, out: Path) -> Path:
    """Put a registered model into a new folder, once everything about it has been checked."""
    if out.exists():
        raise PlinthError(f"{out} exists already.", fix="name a new folder", code=Exit.USAGE)
    with told():
        registry = stores(settings, place).registry
        trusted = contracts.trusted(development=settings.contracts == "development").builders()
        return registry.fetch(registry.find(service, name), out, trusted)


def new_service(name: str) -> int:
    """Make a new service and write its schema down; return the number of its files.

    Imports are put in order by the project's own tools, since the order depends on the name.
    """
    with told():
        written = [str(path) for path in scaffold.write(name)]
    python = [path for path in written if path.endswith(".py")]
    for command in (
        ["-m", "ruff", "check", "--quiet", "--select", "I", "--fix", *python],
        ["-m", "ruff", "format", "--quiet", *python],
        ["-m", "infra.ops", "data", "accept-schema", name],
    ):
        argv = [sys.executable, *command]
        done = subprocess.run(argv, cwd=repo_root(), capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise PlinthError(
                f"The new service was written, but not finished:\n{said}",
                where=f"services/{name.replace('-', '_')}/",
                fix=f"./plinth data accept-schema {name}",
            )
    return len(written)


def batch(
    service: str, settings: Settings, place: Place, *, name: str, source: Path, out: Path
) -> dict[str, Any]:
    """Answer a file of requests (a JSON document in each line) with a registered model.

    Returns:
        Counts of ``answered`` and ``refused`` lines, and the model's digest.

    Raises:
        PlinthError: The file cannot be read or the model was refused.
    """
    with told(), tempfile.TemporaryDirectory(prefix="plinth-batch-") as temporary:
        registry = stores(settings, place).registry
        trusted = contracts.trusted(development=settings.contracts == "development").builders()
        folder = registry.fetch(registry.find(service, name), Path(temporary) / "model", trusted)
        counts = {"answered": 0, "refused": 0}
        part = out.with_name(f".{out.name}.part")
        try:
            with (
                inference.scoring(
                    of(service).hosted,
                    folder,
                    log=home() / trail.BATCH_LOG,
                    caller=f"batch:{getpass.getuser()}",
                    store=trail.bucket(settings) if place == "aws" else None,
                    stopped=stopped(settings, service) if place == "aws" else None,
                ) as scorer,
                source.open(encoding="utf-8") as lines,
                part.open("w", encoding="utf-8") as answers,
            ):
                for answer in inference.batch(scorer, lines):
                    counts["refused" if "error" in answer else "answered"] += 1
                    answers.write(json.dumps(answer, sort_keys=True) + "\n")
            part.replace(out)
        except (OSError, UnicodeDecodeError) as error:
            part.unlink(missing_ok=True)
            raise PlinthError(
                f"The file of requests cannot be answered: {type(error).__name__}.",
                where=f"{source} -> {out}",
                fix="name a file of UTF-8 text with a JSON document in each line",
            ) from None
    return {**counts, "model_digest": scorer.model_digest}


def stopped(settings: Settings, service: str) -> Callable[[], bool]:
    """Return what tells whether people keep a service's model out of service; asks once a second at most.

    A switch that cannot be read stops the model, since a file or a queue can wait.
    """
    client, table = (
        Account.of(settings).client("dynamodb"),
        naming.table(settings.environment, "model-registry"),
    )
    watch = StopWatch(service, reading(table, service, client))
    return watch.asked


def trust_figures(service: str) -> Callable[[int], dict[str, Any]]:
    """Return what measures the guards of a service.

    Raises:
        PlinthError: There is no such service, or it measures none.
    """
    module = f"services.{service.replace('-', '_')}.trust_figures"
    known = sorted(p.parent.name.replace("_", "-") for p in repo_root().glob("services/*/trust_figures.py"))
    if service not in known:
        raise PlinthError(
            f"Service '{service}' has no figures of its guards.",
            fix=f"use one of: {', '.join(known)}",
            code=Exit.USAGE,
        )
    found: Callable[[int], dict[str, Any]] = importlib.import_module(module).measure
    return found


def publish(service: str, settings: Settings, place: Place, *, key_file: Path | None) -> int:
    """Write the features of every subject of a service to the stack's online store; return how many."""
    with told():
        table = naming.table(settings.environment, "online-features")
        client = Account.of(settings).client("dynamodb")
        items = TableItems(client, table, partition="subject", sort="feature_set")
        kept, key = stores(settings, place), builder_key(settings, key_file)
        return pipelines.publish(of(service), kept, items, key, seconds=int(time.time()))


def reports(pipeline: Pipeline, settings: Settings, place: Place) -> list[dict[str, Any]]:
    """Return the report of every batch that has come in."""
    with told():
        found = ingestion.batches(pipeline.spec, stores(settings, place).data)
        return [asdict(batch) for batch in found]


@contextmanager
def told() -> Iterator[None]:
    """Turn the services' refusals into those of the command line."""
    try:
        yield
    except ServiceError as error:
        code = Exit.REFUSED if isinstance(error, REFUSALS) else Exit.FAILED
        raise PlinthError(error.what, where=error.where, fix=error.fix, code=code) from None


def _files(named: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            found += sorted(path.glob("*.csv"))
        elif path.is_file():
            found.append(path)
        else:
            raise PlinthError(
                f"There is no delivery {path}.", fix="name a CSV file or a folder", code=Exit.USAGE
            )
    return found
