"""Drives a headless Chromium through its debugging pipe, and tells what came of it.

Standard input is a JSON list of steps; standard output is one object: what the steps gave, what the console
complained of, and what was asked for over any network or from any file.
"""

import json
import os
import subprocess
import sys
import time

KEYS = {
    "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35, "PageUp": 33,
    "PageDown": 34, "Enter": 13, "Escape": 27, "Tab": 9, "/": 191, " ": 32,
}
TEXT = {"Enter": "\r", "/": "/", " ": " "}


class Browser:
    def __init__(self, program, profile):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()
        # Numbers 3 and 4 may be taken by the pipes themselves.
        high = [os.dup2(fd, fd + 40) for fd in (to_read, to_write)]

        def ends():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking", "--disable-extensions",
             "--disable-component-update", "--force-color-profile=srgb", "--user-data-dir=" + profile, "about:blank"],
            preexec_fn=ends, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (to_read, to_write, *high):
            os.close(fd)
        self.rest, self.number, self.session = b"", 0, None
        self.problems, self.requests, self.loaded = [], [], False

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.read_end, 1 << 20)
            if not more:
                raise SystemExit("the browser has gone")
            self.rest += more
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.problems.append("console: " + json.dumps(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.problems.append("exception: " + json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.problems.append("log: " + params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.problems.append("dialog: " + params["message"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write_end, json.dumps(request).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def attach(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.requests.clear()

    def value(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def do(self, step):
        what = step["do"]
        if what == "size":
            self.call("Emulation.setDeviceMetricsOverride", width=step["width"], height=step["height"],
                      deviceScaleFactor=1, mobile=step.get("mobile", False))
        elif what == "scheme":
            self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": step["value"]}])
        elif what == "open":
            self.loaded, begun = False, time.monotonic()
            self.call("Page.navigate", url=step["url"])
            while not self.loaded:
                self.note(self.message())
            return time.monotonic() - begun
        elif what == "eval":
            return self.value(step["js"])
        elif what == "key":
            key = step["key"]
            params = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS.get(key, 0)}
            if key in TEXT:
                params["text"] = TEXT[key]
            self.call("Input.dispatchKeyEvent", type="keyDown" if key in TEXT else "rawKeyDown", **params)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)
        elif what == "type":
            self.call("Input.insertText", text=step["text"])
        elif what == "click":
            x, y = self.value(
                f"(() => {{ const e = document.querySelector({json.dumps(step['at'])}); e.scrollIntoView({{block: 'center', "
                "inline: 'center'}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        elif what == "shot":
            import base64
            data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=step.get("whole", False))
            with open(step["file"], "wb") as file:
                file.write(base64.b64decode(data["data"]))
        else:
            raise SystemExit(f"no such step: {what}")
        return None


def main():
    browser = Browser(sys.argv[1], sys.argv[2])
    try:
        browser.attach()
        results = [browser.do(step) for step in json.load(sys.stdin)]
        # What was on its way is heard before the end.
        browser.value("new Promise((done) => setTimeout(() => done(1), 100))")
        json.dump({"results": results, "problems": browser.problems, "requests": browser.requests}, sys.stdout)
    finally:
        browser.process.kill()
        browser.process.wait()


main()
