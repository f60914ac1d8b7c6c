"""How long the report of a change of 500 resources takes:  .venv/bin/python tests/preview/speed.py

Makes an event stream from a recorded one, under other names, and prints CPU seconds; nothing compares them.
"""

import json
import sys
import time

import expected

from infra.preview import data, markdown, page, picture, report, stream, text

RESOURCES = 500


def events() -> list[str]:
    """Return a preview of ``RESOURCES`` changes: those of a recording, over and over."""
    path = expected.RECORDED / "storage-all-at-once.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    steps = [line for line in lines if "resourcePreEvent" in line and '"op":"same"' not in line]
    steps = [line for line in steps if '"type":"aws:' in line]
    many = [
        line.replace('"urn":"', f'"urn":"urn:x::{number}', 1)
        for number in range(RESOURCES // len(steps) + 1)
        for line in steps
    ][:RESOURCES]
    counts: dict[str, int] = {}
    for line in many:
        operation = json.loads(line)["resourcePreEvent"]["metadata"]["op"]
        counts[operation] = counts.get(operation, 0) + 1
    summary = {"summaryEvent": {"resourceChanges": counts, "PolicyPacks": {"plinth": "1"}}}
    return [*many, json.dumps(summary)]


def main() -> None:
    """Print CPU seconds and sizes."""
    lines = events()
    context = report.Context(stack="local", environment="local", region="eu-central-1", budget_usd=1000)
    begun = time.process_time()
    made = report.build(stream.read(lines), context)
    sys.stdout.write(
        f"{len(made.entries)} changes read and judged: {time.process_time() - begun:.2f} s of CPU\n"
    )
    for name, render in {
        "text": text.render,
        "markdown": markdown.render,
        "comment": lambda one: markdown.render(one, limit=markdown.GITHUB_LIMIT),
        "html": page.render,
        "json": data.render,
        "svg": picture.draw,
    }.items():
        begun = time.process_time()
        written = render(made)
        sys.stdout.write(f"{name}: {time.process_time() - begun:.2f} s, {len(written):,} characters\n")


if __name__ == "__main__":
    main()
