"""A headless Chromium for tests, driven over plain WebDriver with the standard library.

>>> with open_browser() as browser:
...     browser.goto("http://127.0.0.1:8000/")
...     browser.text("h1")

Every wait has a deadline. Where there is no Chromium the test is skipped, with
the reason.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

DEADLINE = 60.0
PAUSE = 0.02
#: How WebDriver names a reference to an element in its JSON.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class WebDriverError(Exception):
    """What the driver answers when a command did not work."""


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser with an empty profile; it is gone when the block ends."""
    driver = shutil.which("chromedriver")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if driver is None or chromium is None:
        pytest.skip("no browser: needs the programs chromium and chromedriver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            flags = [*FLAGS, f"--user-data-dir={profile}"]
            try:
                browser = Browser(_port(process), chromium, flags)
            except (WebDriverError, OSError) as error:
                pytest.skip(f"no browser: it cannot start here: {error}")
            try:
                yield browser
            finally:
                browser.quit()
        finally:
            process.terminate()
            process.wait(DEADLINE)
            if process.stdout is not None:
                process.stdout.close()


def _port(process: subprocess.Popen[str]) -> int:
    for line in process.stdout or ():
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    raise WebDriverError("chromedriver ended before it said its port")


class Browser:
    """One window of one browser; all times are seconds."""

    def __init__(self, port: int, chromium: str, flags: list[str]) -> None:
        self._port = port
        options = {"binary": chromium, "args": flags}
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        self._session = self._ask("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def quit(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError, WebDriverError):
            self._command("DELETE", "")

    def goto(self, url: str) -> None:
        """Open ``url`` and wait until it is loaded."""
        self._command("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        """The address of the page."""
        return str(self._command("GET", "/url"))

    @property
    def title(self) -> str:
        """The title of the page."""
        return str(self._command("GET", "/title"))

    @property
    def source(self) -> str:
        """The document as it is now, as HTML."""
        return str(self._command("GET", "/source"))

    def text(self, selector: str) -> str:
        """Return the visible text of the first element, ``""`` if there is none."""
        # Between two pages there is no document to search in.
        with contextlib.suppress(WebDriverError):
            found = self.script(
                "const e = document.querySelector(arguments[0]); return e ? e.innerText : '';",
                selector,
            )
            return str(found)
        return ""

    def click(self, selector: str) -> None:
        """Click in the middle of the first element."""
        found = self._command("POST", "/element", {"using": "css selector", "value": selector})
        self._command("POST", f"/element/{found[ELEMENT]}/click", {})

    def script(self, code: str, *arguments: object) -> Any:
        """Run the body of a function in the page and return what it returns."""
        return self._command("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def wait(self, condition: Callable[[Browser], bool], what: str) -> None:
        """Return as soon as ``condition`` holds; ``what`` names it in the failure."""
        deadline = time.monotonic() + DEADLINE
        while True:
            # The page may be exchanged in the middle of a question.
            with contextlib.suppress(WebDriverError):
                if condition(self):
                    return
            if time.monotonic() > deadline:
                raise AssertionError(f"the browser did not show {what}:\n{self.text('body')}")
            time.sleep(PAUSE)

    def wait_text(self, text: str, selector: str = "body") -> None:
        """Return as soon as the visible text of ``selector`` contains ``text``."""
        self.wait(lambda browser: text in browser.text(selector), repr(text))

    def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Set the size of the page in CSS pixels; ``mobile`` as a phone lays it out."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self._devtools("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """Emulate a system set to ``"dark"`` or ``"light"``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", {"features": features})

    def allow_clipboard(self, origin: str) -> None:
        """Let pages of ``origin`` read what was copied."""
        granted = {"origin": origin, "permissions": ["clipboardReadWrite"]}
        self._devtools("Browser.grantPermissions", granted)

    def clipboard(self) -> str:
        """Return the text that was copied."""
        return str(self.script("return navigator.clipboard.readText();"))

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the ``whole`` page."""
        answer = self._devtools("Page.captureScreenshot", {"captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(answer["data"]))

    def new_tab(self) -> str:
        """Open a tab, continue in it and return its name."""
        name = str(self._command("POST", "/window/new", {"type": "tab"})["handle"])
        self.tab(name)
        return name

    def tab(self, name: str) -> None:
        """Continue in the tab ``name``."""
        self._command("POST", "/window", {"handle": name})

    @property
    def current_tab(self) -> str:
        """The name of the tab that is driven."""
        return str(self._command("GET", "/window"))

    def close_tab(self) -> None:
        """Close the tab that is driven; another one has to be chosen then."""
        self._command("DELETE", "/window")

    def _devtools(self, name: str, parameters: Mapping[str, object]) -> Any:
        return self._command("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _command(self, method: str, path: str, body: object = None) -> Any:
        return self._ask(method, f"/session/{self._session}{path}", body)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise WebDriverError(f"{value['error']}: {value['message']}")
        return value
