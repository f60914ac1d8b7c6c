"""A real browser: Chromium, told what to do through a pipe (the DevTools protocol); nothing is installed."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from infra.errors import PlinthError

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--disable-component-update",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    # No name leads anywhere: it shows files and loopback, and asks nobody else.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)


def program() -> str | None:
    """Return the browser of this machine; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page in one browser.

    Args:
        sending: Descriptor that the browser reads from.
        receiving: Descriptor that it writes to.
    """

    def __init__(self, sending: int, receiving: int) -> None:
        """Open a page."""
        self._out, self._in = sending, os.fdopen(receiving, "rb", buffering=0)
        self._numbers, self._left = count(1), b""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = str(attached["sessionId"])
        self.tell("Page.enable")
        self.tell("Runtime.enable")

    def ask(
        self, method: str, given: Mapping[str, Any] | None = None, *, session: str | None = None
    ) -> dict[str, Any]:
        """Send one message and return its result.

        Args:
            method: Of the protocol.
            given: Its parameters.
            session: The page that it is about; None for the browser.
        """
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": dict(given or {})}
        os.write(
            self._out, json.dumps({**message, **({"sessionId": session} if session else {})}).encode() + b"\0"
        )
        while True:
            told = self._read()
            if told.get("id") == number:
                assert "error" not in told, told
                return dict(told["result"])

    def tell(self, method: str, **given: Any) -> dict[str, Any]:
        """Ask about the page."""
        return self.ask(method, given, session=self._session)

    def close(self) -> None:
        """Let go of the pipe."""
        self._in.close()
        os.close(self._out)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            more = self._in.read(65536)
            assert more, "the browser has gone"
            self._left += more
        text, _, self._left = self._left.partition(b"\0")
        return dict(json.loads(text))

    def open(self, url: str, *, scheme: str = "light", width: int = 1000, height: int = 1000) -> None:
        """Load a page without scripts of its own, and wait until it is there."""
        self.tell("Emulation.setScriptExecutionDisabled", value=True)
        self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.tell("Page.navigate", url=url)
        while self.value("document.readyState") != "complete" or self.value("location.href") != url:
            pass

    def value(self, expression: str) -> Any:
        """Return what an expression gives in the page; the page's own scripts stay off."""
        told = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def tree(self) -> list[dict[str, Any]]:
        """Return what a screen reader is told: role and name of each node that it reads."""
        nodes: Sequence[Mapping[str, Any]] = self.tell("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node["role"]["value"],
                "name": str(node.get("name", {}).get("value", "")),
                **{one["name"]: one["value"].get("value") for one in node.get("properties", [])},
            }
            for node in nodes
            if not node.get("ignored")
        ]

    def picture(self, path: Path) -> None:
        """Save what is seen, the whole page."""
        shot = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """Give a browser that asks nobody but loopback; it ends with the block.

    Raises:
        PlinthError: There is none here.
    """
    found = program()
    if found is None:
        raise PlinthError(
            "There is no Chromium here.", fix="apt-get install chromium, or another system's way"
        )
    to_browser, from_browser = os.pipe(), os.pipe()

    def wired() -> None:
        # The protocol's pipe: the browser reads from 3 and writes to 4.
        read, write = os.dup(to_browser[0]), os.dup(from_browser[1])
        high = [os.dup2(read, 100), os.dup2(write, 101)]
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    with tempfile.TemporaryDirectory(prefix="plinth-browser-") as profile:
        process = subprocess.Popen(
            [found, *SWITCHES, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=wired,  # noqa: PLW1509 - one thread here, and there is no other way to descriptors 3 and 4
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        browser: Browser | None = None
        try:
            browser = Browser(to_browser[1], from_browser[0])
            yield browser
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            if browser is not None:
                browser.close()
