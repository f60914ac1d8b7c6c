"""The status as one page: static, without scripts, light and dark; served on loopback for a while."""

import http.server
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from infra.ops.browser import browsing
from infra.ops.overview import Overview

TEMPLATE = "status_page.html.jinja"
REFRESH_SECONDS = 30
"""A served page asks again: two scrapes."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def page(overview: Overview, *, refresh: int = 0) -> str:
    """Return the page.

    Args:
        overview: What it says.
        refresh: Seconds after which a browser asks again; 0 for never.
    """
    return _PAGES.get_template(TEMPLATE).render(one=overview, refresh=refresh, clock=_clock)


def pictures(overview: Overview, folder: Path) -> list[Path]:
    """Show the page in a real browser, light and dark, and save what is seen; return the files.

    Raises:
        PlinthError: There is no browser here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    with tempfile.TemporaryDirectory(prefix="plinth-page-") as temporary, browsing() as browser:
        source = Path(temporary) / "status.html"
        source.write_text(page(overview), encoding="utf-8")
        for scheme in ("light", "dark"):
            browser.open(source.as_uri(), scheme=scheme)
            found.append(folder / f"status-{scheme}.png")
            browser.picture(found[-1])
    return found


def _clock(when: str) -> str:
    return f"{datetime.fromisoformat(when):%Y-%m-%d %H:%M} UTC"


class Server:
    """Serves the page on loopback; only it, only for reading.

    Args:
        look: Returns the page as it is now.
        port: 0 for a free one.
    """

    def __init__(self, look: Callable[[], str], *, port: int = 0) -> None:
        """Take the port."""
        looking = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            server_version, sys_version = "plinth", ""

            def do_GET(self) -> None:
                # A page of another site that has its name lead here must not read this one.
                host = self.headers.get("Host", "").rsplit(":", 1)[0]
                if self.path != "/" or host not in {"127.0.0.1", "localhost"}:
                    self._answer(404, "text/plain; charset=utf-8", b"There is only the page /.\n")
                    return
                with looking:
                    content = look().encode()
                self._answer(200, "text/html; charset=utf-8", content)

            def _answer(self, code: int, kind: str, content: bytes) -> None:
                self.send_response(code)
                for name, value in (
                    ("Content-Type", kind),
                    ("Content-Length", str(len(content))),
                    ("Content-Security-Policy", POLICY),
                    ("X-Content-Type-Options", "nosniff"),
                    ("Referrer-Policy", "no-referrer"),
                    ("Cache-Control", "no-store"),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def run(self, seconds: float) -> None:
        """Serve for so long, then end."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            time.sleep(seconds)
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)
