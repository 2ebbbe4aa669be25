"""A stand-in for an engine: a real process with a health route, that misbehaves as its arguments say.

`engine.py PORT [slow=S] [crash=S] [exit=CODE] [hang=S] [say=TEXT] [children] [stubborn] [once=FILE]`

`once` ends the first start, of those that share FILE.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BEGAN = time.monotonic()
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def main() -> None:
    port = int(sys.argv[1])
    wishes = dict(word.partition("=")[::2] for word in sys.argv[2:])
    if "say" in wishes:
        print(wishes["say"], flush=True)
    if "exit" in wishes:
        sys.exit(int(wishes["exit"]))
    if "once" in wishes and not Path(wishes["once"]).exists():
        Path(wishes["once"]).touch()
        sys.exit(3)
    if "children" in wishes:
        subprocess.Popen(SLEEPER)
        subprocess.Popen(SLEEPER, start_new_session=True)
    if "stubborn" in wishes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "crash" in wishes:
        threading.Timer(float(wishes["crash"]), os._exit, [0]).start()
    serve(port, float(wishes.get("slow", 0)), float(wishes.get("hang", "inf")))


def serve(port: int, slow: float, hang: float) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            age = time.monotonic() - BEGAN
            if age > hang:
                time.sleep(600)
            body = b"engine:num_requests_running 0\n" if self.path == "/metrics" else b"{}"
            self.send_response(200 if age >= slow else 503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
