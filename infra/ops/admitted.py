"""Asks the stack's own API server whether it would let an object in; a dry run, nothing is kept."""

import asyncio
from pathlib import Path
from typing import Any

from infra.local import session
from infra.local.runner.rest import FAILURES, Api, ApiError
from policies.admission_rules import dry_run_path
from policies.proof import Admit, refusal

_POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"


def server() -> Admit | None:
    """Return the API server of the running platform; None where none runs or it has no such policies."""
    platform = session.current()
    if platform is None or not platform.ready:
        return None
    kubeconfig = Path(platform.files["kubeconfig"])
    if not asyncio.run(_has_policies(kubeconfig)):
        return None
    return lambda manifest: asyncio.run(asked(kubeconfig, manifest))


async def asked(kubeconfig: Path, manifest: dict[str, Any]) -> str | None:
    """Return why the API server refuses an object, or None when it would let it in."""
    api = Api(kubeconfig)
    try:
        await api.create(dry_run_path(manifest), manifest)
    except ApiError as error:
        return refusal(error.status, str(error))
    finally:
        await api.close()
    return None


async def _has_policies(kubeconfig: Path) -> bool:
    api = Api(kubeconfig)
    try:
        found = await api.get(_POLICIES)
    except FAILURES:
        return False
    finally:
        await api.close()
    return any(item["metadata"]["name"].startswith("plinth-pods") for item in found["items"])
