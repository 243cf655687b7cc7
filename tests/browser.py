"""A real browser without a window, where one is installed: Chromium, spoken to over a pipe in the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/; with ``--remote-debugging-pipe`` Chromium reads messages from descriptor 3 and
writes them to 4, each ended by a null byte.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import pytest

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def found() -> str:
    """Return the browser's path; skips the test where there is none."""
    command = next((path for name in COMMANDS if (path := shutil.which(name))), None)
    if command is None:
        pytest.skip("no Chromium on this machine")
    return command


class Browser:
    """One page of a browser, with everything that it complained about."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._number = 0
        self._session: str | None = None
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        # The descriptors' numbers are what the browser expects; a shell puts ours there.
        shell = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
        self._process = subprocess.Popen(
            ["bash", "-c", shell, found(), *flags, f"--user-data-dir={self._profile.name}", "--remote-debugging-pipe"],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._answers = os.fdopen(self._from, "rb")
        self._buffer = b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        self._answers.close()
        self._profile.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to one command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']}")
                answer: dict[str, Any] = heard["result"]
                return answer

    def open(self, page: Path, width: int, height: int = 900, *, dark: bool = False, script: bool = True) -> None:
        """Load a file at a width in pixels and wait until it is there."""
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=page.resolve().as_uri())
        while self._hear().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression gives in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key."""
        common = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._answers.fileno(), 65536)
            assert more, "the browser ended"
            self._buffer += more
        first, _, self._buffer = self._buffer.partition(b"\0")
        heard: dict[str, Any] = json.loads(first)
        self._note(heard)
        return heard

    def _note(self, heard: dict[str, Any]) -> None:
        """Keep what a person would find in the console, and every request that leaves the page."""
        said = heard.get("params", {})
        match heard.get("method"):
            case "Log.entryAdded":
                self.complaints.append(said["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(said["exceptionDetails"]["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(said["args"]))
            case "Network.requestWillBeSent" if not said["request"]["url"].startswith(("file:", "data:", "about:")):
                self.complaints.append(f"asked for {said['request']['url']}")
