"""A headless Chromium, driven over WebDriver with the standard library alone."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

LOGS = {"browser": "ALL", "performance": "ALL"}


class Chrome:
    """One window. Use as a context manager."""

    def __enter__(self) -> Chrome:
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        assert self.driver.stdout is not None
        port = next(
            found[1] for line in self.driver.stdout if (found := re.search(r"successfully on port (\d+)", line))
        )
        self.url = f"http://127.0.0.1:{port}/session"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": LOGS}
        self.url += f"/{self._ask('', {'capabilities': {'alwaysMatch': wanted}})['sessionId']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("", method="DELETE")
        self.driver.terminate()
        self.driver.wait(10)
        assert self.driver.stdout is not None
        self.driver.stdout.close()

    def open(self, path: Path, width: int, height: int = 1000) -> None:
        """A page in a viewport of this size, as of a phone or a desktop."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.tell("Emulation.setDeviceMetricsOverride", **metrics)
        self._ask("/url", {"url": path.resolve().as_uri()})

    def tell(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        return self._ask("/execute/sync", {"script": f"return {expression}", "args": []})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("/screenshot", method="GET")))

    def console(self) -> list[str]:
        """What was said on the console since it was last asked for."""
        return [line["message"] for line in self._ask("/se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """The addresses that pages asked for since they were last asked for."""
        lines = [json.loads(line["message"])["message"] for line in self._ask("/se/log", {"type": "performance"})]
        return [line["params"]["request"]["url"] for line in lines if line["method"] == "Network.requestWillBeSent"]

    def _ask(self, path: str, content: Any = None, method: str = "POST") -> Any:
        data = json.dumps(content or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]
