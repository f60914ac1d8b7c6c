"""Pictures of the report in a real browser, light and dark:  .venv/bin/python tests/preview/pictures.py

Needs Debian's chromium. They are for the documentation; nothing compares them.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.local.paths import repo_root

HERE = Path(__file__).resolve().parent
PAGE = HERE / "expected" / "storage-all-at-once.html"
PICTURES = repo_root() / "infra" / "preview" / "docs"
SCHEMES = {"dark": "0", "light": "1"}
"""Scheme to the number by which Blink's setting calls it."""
SIZE = "1000,1500"


def main() -> None:
    """Draw the page in both schemes."""
    browser = shutil.which("chromium")
    if browser is None:
        raise SystemExit("There is no chromium here: apt-get install chromium")
    PICTURES.mkdir(exist_ok=True)
    for scheme, number in SCHEMES.items():
        with tempfile.TemporaryDirectory(prefix="plinth-") as profile:
            subprocess.run(
                [
                    browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                    "--no-first-run", "--disable-background-networking", "--disable-component-update",
                    f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={number}",
                    f"--window-size={SIZE}", "--hide-scrollbars",
                    f"--screenshot={PICTURES / f'report-{scheme}.png'}", PAGE.as_uri(),
                ],
                check=True,
                capture_output=True,
                timeout=120,
            )  # fmt: skip
        sys.stdout.write(f"{PICTURES / f'report-{scheme}.png'}\n")


if __name__ == "__main__":
    main()
