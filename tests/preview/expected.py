"""The reports beside the recordings:  .venv/bin/python tests/preview/expected.py  writes them anew."""

import sys
from collections.abc import Sequence
from pathlib import Path

from infra.preview import data, markdown, page, picture, report, stream, text

HERE = Path(__file__).resolve().parent
RECORDED, EXPECTED = HERE / "recorded", HERE / "expected"
LINKS = "https://forge.example.com/example/plinth/blob/0000000/"
FORMS = {".txt": text.render, ".md": lambda made: markdown.render(made, links=LINKS), ".json": data.render}
"""Kept for every recording. Page and picture say the same and are kept for ``PICTURED``: they are long."""
PICTURED = (
    "storage-all-at-once",
    "identity-trust-everyone",
    "compute-network-replaced",
    "storage-nothing",
    "cluster-new-model",
)


def names() -> list[str]:
    """Return the name of every recording."""
    return sorted(path.stem for path in RECORDED.glob("*.jsonl"))


def made(name: str) -> report.Report:
    """Return the report of a recording."""
    lines = (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return report.build(stream.read(lines), context(lines))


def context(lines: Sequence[str]) -> report.Context:
    """Return what the report of a recording needs besides."""
    return report.Context(
        stack="local",
        environment="local",
        region="eu-central-1",
        budget_usd=3000,
        sources=places(lines),
        contracts={"credit-risk": "services/credit_risk/contract.yaml"},
    )


def places(lines: Sequence[str]) -> dict[str, str]:
    """Return a place for two types, so that links are seen; real ones come with ``./plinth preview``."""
    del lines
    return {
        "aws:cloudwatch/logGroup:LogGroup events": "tests/preview/estate/groups.py:69",
        "aws:kms/key:Key data-key": "infra/components/encryption_key.py:48",
    }


def forms(name: str) -> dict[Path, str]:
    """Return every expected file of a recording with what it should hold."""
    one = made(name)
    files = {EXPECTED / f"{name}{ending}": render(one) for ending, render in FORMS.items()}
    if name in PICTURED:
        files[EXPECTED / f"{name}.html"] = page.render(one, links=LINKS)
        files[EXPECTED / f"{name}.svg"] = picture.draw(one)
    return files


def main() -> None:
    """Write every report anew, and remove those without a recording."""
    EXPECTED.mkdir(exist_ok=True)
    wanted = {path: content for name in names() for path, content in forms(name).items()}
    for path in EXPECTED.iterdir():
        if path not in wanted:
            path.unlink()
    for path, content in wanted.items():
        path.write_text(content, encoding="utf-8")
    sys.stdout.write(f"{len(wanted)} files from {len(names())} recordings\n")


if __name__ == "__main__":
    main()
