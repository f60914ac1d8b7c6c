"""Record previews of ``estate`` with the real engine:  .venv/bin/python tests/preview/record.py [CASE ...].

Each group is brought up once in a stack of its own, then every case is previewed against it; nothing of a
case is carried out. A recording holds what the engine said, one event a line, without times.
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "estate"))

from cases import BASES, CASES, RECORDED  # noqa: E402 - found through the line above

from infra.local import session, toolchain  # noqa: E402 - same
from infra.local.paths import repo_root  # noqa: E402 - same
from infra.ops import changes, environment, redaction, state  # noqa: E402 - same
from infra.preview.recording import compact  # noqa: E402 - same

RECORDED_DIR = HERE / "recorded"


def main(names: list[str]) -> None:
    """Record the named cases, or all of them."""
    wanted = {name: case for name, case in RECORDED.items() if not names or name in names}
    file = repo_root() / "stacks" / "Pulumi.local.yaml"
    settings = changes.stack_settings(file)
    tools = toolchain.ensure()
    platform = session.start(tools=tools)
    environ = environment.complete(environment.variables(settings, file, tools, platform))
    RECORDED_DIR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="plinth-estate-") as folder:
        project(Path(folder), settings.aws.region)
        for group in dict.fromkeys(case["group"] for case in wanted.values()):
            stack = f"small-{group}"
            run = Driver(Path(folder), stack, {**environ, "PULUMI_STACK": stack}, str(tools.bin("pulumi")))
            state.ensure_stack(stack)
            run("up", f"{group}-base", policies=False)
            empty = Driver(
                Path(folder), f"{stack}-empty", {**environ, "PULUMI_STACK": f"{stack}-empty"}, run.program
            )
            state.ensure_stack(empty.stack)
            again = Driver(
                Path(folder),
                f"{stack}-redacted",
                {**environ, "PULUMI_STACK": f"{stack}-redacted"},
                run.program,
            )
            copy_redacted(stack, again.stack, settings.aws.account_id)
            for name, case in wanted.items():
                if case["group"] == group:
                    driver = empty if case.get("fresh") else again if case.get("redacted") else run
                    code, lines = driver("preview", name)
                    kept = compact(lines, exit_code=code, root=repo_root()).replace(f"{folder}/", "")
                    (RECORDED_DIR / f"{name}.jsonl").write_text(kept, encoding="utf-8")


class Driver:
    """Runs the engine for one stack of the estate."""

    def __init__(self, folder: Path, stack: str, environ: dict[str, str], program: str) -> None:
        self.folder, self.stack, self.environ, self.program = folder, stack, environ, program

    def __call__(self, operation: str, case: str, *, policies: bool = True) -> tuple[int, list[str]]:
        environ = {**self.environ, "PLINTH_CASE": case}
        if not policies:
            environ.pop("PULUMI_OPTION_POLICY_PACK"), environ.pop("PULUMI_OPTION_POLICY_PACK_CONFIG")
        elif waived := CASES[case].get("waived"):
            environ["PULUMI_OPTION_POLICY_PACK"] = str(pack_with_waiver(self.folder, **waived))
        options = ["--yes", "--skip-preview"] if operation == "up" else []
        begun = time.monotonic()
        done = subprocess.run(
            [self.program, operation, "--json", "--non-interactive", "--stack", self.stack, *options],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        sys.stderr.write(f"{operation} {case}: exit {done.returncode}, {time.monotonic() - begun:.1f} s\n")
        if operation == "up" and done.returncode:
            raise SystemExit(
                "\n".join(line for line in done.stdout.splitlines() if '"severity":"error"' in line)
            )
        if done.stderr.strip():
            sys.stderr.write(done.stderr[-2000:])
        return done.returncode, done.stdout.splitlines()


def copy_redacted(stack: str, other: str, account_id: str) -> None:
    """Put a redacted copy of a stack's state in the place of another one's."""
    text = (
        state.state_file(stack)
        .read_text(encoding="utf-8")
        .replace(f"urn:pulumi:{stack}::", f"urn:pulumi:{other}::")
    )
    salt = json.loads(text)["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"]
    copy = redaction.redacted(
        text, stack=other, account_id=account_id, local_account_id=account_id, salt=salt
    )
    state.ensure_stack(other)
    state.state_file(other).write_text(copy, encoding="utf-8")


def pack_with_waiver(folder: Path, *, begun_days_ago: int, days: int) -> Path:
    """Write the project's own pack with one waiver, since the project has none; return its folder."""
    begun = datetime.now(UTC).date() - timedelta(days=begun_days_ago)
    pack = folder / "policies"
    pack.mkdir(exist_ok=True)
    for name, content in {
        "PulumiPolicy.yaml": f"version: 0.1.0\nruntime:\n  name: python\n  options:\n    virtualenv: "
        f"{repo_root() / '.venv'}\n",
        "__main__.py": "from pathlib import Path\n\nfrom pulumi_policy import PolicyPack\n\n"
        "from policies.pulumi_pack import policies\nfrom policies.waivers import load\n\n"
        "PolicyPack('plinth', policies(load(Path(__file__).with_name('waivers.yaml'))))\n",
        "waivers.yaml": "waivers:\n  - control: key-rotates\n    type: aws:kms/key:Key\n    name: data-key\n"
        "    environments: [local]\n    reason: The partner's archive reads with the first key until it is "
        "moved.\n    owner: data-platform\n    approved_by: security\n"
        f"    not_before: {begun}\n    expires: {begun + timedelta(days=days)}\n",
    }.items():
        (pack / name).write_text(content, encoding="utf-8")
    return pack


def project(folder: Path, region: str) -> None:
    """Write the project and a file for each stack."""
    (folder / "Pulumi.yaml").write_text(
        "name: plinth\nruntime:\n  name: python\n  options:\n    virtualenv: "
        f"{repo_root() / '.venv'}\nmain: {HERE / 'estate' / '__main__.py'}\n",
        encoding="utf-8",
    )
    salt = next(
        line
        for line in (repo_root() / "stacks" / "Pulumi.local.yaml").read_text("utf-8").splitlines()
        if line.startswith("encryptionsalt")
    )
    for base in BASES.values():
        for ending in ("", "-empty", "-redacted"):
            (folder / f"Pulumi.small-{base['group']}{ending}.yaml").write_text(
                f"{salt}\nconfig:\n  aws:region: {region}\n", encoding="utf-8"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
