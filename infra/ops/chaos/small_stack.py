"""A place for the small program: an AWS API of its own, the real engine, and a look at what is left over."""

import json
import os
import shutil
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.errors import PlatformError
from infra.local import isolation, session, toolchain
from infra.local.aws_api.faults import FAULTS_PATH
from infra.local.paths import home, repo_root
from infra.local.session import homes
from infra.naming import PROJECT
from infra.ops import environment, inventory, state
from infra.ops.account import Account
from infra.ops.chaos.small_program import ACCOUNT, REGION
from infra.ops.engine import Engine
from infra.ops.inventory.aws import IS

PARTS = ("pulumi", "aws")
"""What the small program needs of the toolchain; the platform itself needs its own part as well."""
LISTED = (
    "dynamodb/table", "ec2/security-group", "ec2/subnet", "ec2/vpc", "iam/role", "kms/alias", "kms/key",
    "logs/group", "s3/bucket", "sns/topic",
)  # fmt: skip
"""Kinds of thing that the small program makes, each of which is enumerated."""
AT_A_TIME = 25
"""Runs on one AWS API; then it begins anew, since what earlier runs made slows each look at it down."""


class SmallStack:
    """One AWS API and one project folder; each run is a stack of its own in them."""

    def __init__(self, folder: Path, tools: toolchain.Toolchain) -> None:
        """Write the project down; nothing is started."""
        self.folder = folder
        self._tools = tools
        shutil.copy2(Path(__file__).with_name("small_program.py"), folder / "__main__.py")
        runtime = {"name": "python", "options": {"virtualenv": str(repo_root() / ".venv")}}
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": PROJECT, "runtime": runtime}))
        self._environ: dict[str, str] = {}
        self._account: Account | None = None
        self._proxy = ""

    def begin(self) -> None:
        """Start an AWS API in which nothing is; an earlier one goes."""
        session.stop()
        shutil.rmtree(home() / "local" / "aws", ignore_errors=True)
        shutil.rmtree(state.backend_dir(), ignore_errors=True)
        platform = session.start(parts=("aws",))
        state.backend_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
        self._proxy = platform.endpoints["aws_proxy"]
        path = [str(self._tools.bin("pulumi").parent), str(repo_root() / ".venv" / "bin"), os.environ["PATH"]]
        values = {
            "PATH": os.pathsep.join(path),
            "PULUMI_HOME": str(environment.pulumi_home(self._tools)),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_BACKEND_URL": f"file://{state.backend_dir()}",
            "PULUMI_CONFIG_PASSPHRASE": environment.LOCAL_PASSPHRASE,
            **isolation.local_env({}, platform),
        }
        self._environ = environment.complete(values)
        isolation.require_proxy(self._environ)
        self._account = Account(
            account_id=ACCOUNT,
            region=REGION,
            emulated=True,
            proxy=self._proxy,
            authority=platform.files["aws_ca"],
        )

    def engine(self, stack: str) -> Engine:
        """Return the engine for one run's stack, which is made when it is not there."""
        state.ensure_stack(stack)
        return Engine(stack, self._environ, self._tools.bin("pulumi"), self.folder)

    def faults(self, plan: Mapping[str, Any] | None) -> dict[str, Any]:
        """Switch faults on (or off, with None); return what was hit until now."""
        now = ask_faults(self._proxy, "GET")
        ask_faults(self._proxy, "DELETE" if plan is None else "PUT", plan)
        return now

    def things(self, kinds: Iterable[str]) -> list[inventory.Thing]:
        """List what there is, of some kinds."""
        assert self._account is not None
        return inventory.things_in(self._account, [REGION], kinds=kinds).things

    def surplus(self, stack: str) -> dict[str, int]:
        """Return, by kind, how many things there are beyond those in the state; below zero: lost ones."""
        assert self._account is not None
        found = inventory.things_in(self._account, [REGION], kinds=LISTED)
        if found.unseen:
            raise PlatformError(f"The AWS API could not be enumerated: {found.unseen}")
        there = Counter(thing.kind for thing in found.things if thing.belongs_to(stack))
        rows = (state.load(state.state_file(stack)) or {}).get("resources", [])
        known = Counter(IS[row["type"]] for row in rows if row.get("type") in IS)
        return {kind: n for kind in LISTED if (n := there[kind] - known[kind])}


@contextmanager
def place() -> Iterator[SmallStack]:
    """Use a home of its own while the body runs; it is stopped and removed afterwards."""
    homes.make(home())
    tools = toolchain.ensure(PARTS)
    before = os.environ.get("PLINTH_HOME")
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=home()) as folder:
        os.environ["PLINTH_HOME"] = str(Path(folder) / "home")
        try:
            Path(folder, "project").mkdir()
            yield SmallStack(Path(folder, "project"), tools)
        finally:
            session.stop()
            if before is None:
                os.environ.pop("PLINTH_HOME", None)
            else:
                os.environ["PLINTH_HOME"] = before


def ask_faults(proxy: str, method: str, plan: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Ask the local AWS API about its faults, or change them.

    Raises:
        PlatformError: It does not answer, or refuses the plan.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body = None if plan is None else json.dumps(plan).encode()
    request = urllib.request.Request(proxy + FAULTS_PATH, data=body, method=method)  # noqa: S310 - loopback
    try:
        with opener.open(request, timeout=10) as answer:
            document = json.loads(answer.read())
    except (OSError, ValueError) as error:
        raise PlatformError(f"The local AWS API did not take the faults: {error}", where=proxy) from None
    assert isinstance(document, dict)
    return document
