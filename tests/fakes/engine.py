"""A stand-in for an engine: a real process with a health route, that misbehaves as its arguments say.

`engine.py PORT [slow=S] [crash=S] [exit=CODE] [hang=S] [say=TEXT] [children] [stubborn] [once=FILE] [mute=FILE]
[held=FILE] [pace=S] [flood=N] [dying=TEXT] [tell] [chatter] [linger=S]`

`once` ends the first start, of those that share FILE. A chat gets an answer of 20 words, one each `pace` seconds;
what comes while FILE of `mute` exists gets none, and while FILE of `held` exists no more than the first word of a
stream. `flood` says so many lines once it listens, `dying` is said at
SIGUSR2, and on the way out when SIGUSR1 tells it to end with code 1. `tell` tells the secret,
`chatter` never stops talking. With `linger` SIGUSR1 makes it refuse connections, and end with code 0 after S seconds.
"""

import json
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
    if "tell" in wishes:
        print(f"ValueError: bad key {os.environ['ENGINE_SECRET']}", flush=True)
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
    if "dying" in wishes:
        signal.signal(signal.SIGUSR1, lambda *_: die(wishes["dying"]))
        signal.signal(signal.SIGUSR2, lambda *_: print(wishes["dying"], flush=True))
    if "chatter" in wishes:
        threading.Thread(target=chatter, daemon=True).start()
    if "flood" in wishes:
        threading.Thread(target=flood, args=(int(wishes["flood"]),), daemon=True).start()
    serve(port, wishes)


class Server(ThreadingHTTPServer):
    """With room for as many callers at once as a test has, all of whom would else wait a second for their turn."""

    request_queue_size = 128
    daemon_threads = True


def die(words: str) -> None:
    print(words, flush=True)
    os._exit(1)


def chatter() -> None:
    while True:
        print("INFO I am here", flush=True)
        time.sleep(0.1)


def flood(lines: int) -> None:
    for number in range(lines):
        sys.stdout.write(f"INFO 01-01 line {number} of many, as an engine says them that was told to debug\n")


def serve(port: int, wishes: dict[str, str]) -> None:
    slow, hang, pace = float(wishes.get("slow", 0)), float(wishes.get("hang", "inf")), float(wishes.get("pace", 0))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            age = time.monotonic() - BEGAN
            if age > hang or ("mute" in wishes and Path(wishes["mute"]).exists()):
                time.sleep(600)
            body = b"engine:num_requests_running 0\n" if self.path == "/metrics" else b"{}"
            self.answer(200 if age >= slow else 503, body)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if "mute" in wishes and Path(wishes["mute"]).exists():
                time.sleep(600)
            if body.get("stream"):
                self.stream()
                return
            self.wait_while_held()
            time.sleep(20 * pace)
            choice = {"index": 0, "message": {"role": "assistant", "content": "word " * 20}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 20, "total_tokens": 23}
            reply = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
            self.answer(200, json.dumps(reply).encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def stream(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for number in range(20):
                finish = "stop" if number == 19 else None
                choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": finish}
                chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                self.wait_while_held()
                time.sleep(pace)
            self.wfile.write(b"data: [DONE]\n\n")

        def wait_while_held(self) -> None:
            while "held" in wishes and Path(wishes["held"]).exists():
                time.sleep(0.01)

        def log_message(self, *_: object) -> None: ...

    server = Server(("127.0.0.1", port), Handler)
    if "linger" in wishes:
        signal.signal(signal.SIGUSR1, lambda *_: linger(server, float(wishes["linger"])))
    server.serve_forever()


def linger(server: ThreadingHTTPServer, seconds: float) -> None:
    server.socket.close()
    threading.Timer(seconds, os._exit, [0]).start()
    time.sleep(600)


if __name__ == "__main__":
    main()
