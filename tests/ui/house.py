"""The gateway that the UI is tried on, and what the tests know of its pages."""

from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import BrowserContext, Dialog, Page, expect

from tests.api.running import RunningGateway
from tests.fakes.http_server import Received
from tests.fakes.upstream import Upstream

_OFF = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying",
    "OptimizationHints", "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning",
)  # fmt: skip
"""Features of Chromium: the pages behind the address bar, which cost each window half a second of the processor, and
what Playwright leaves out too, whose flag this one replaces."""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", f"--disable-features={','.join(_OFF)}",
]  # fmt: skip
PATIENCE = 20_000
"""Milliseconds that a test waits for what it expects of a page, on a machine that is busy with other tests."""
PASSWORD = "correct-horse-battery-9"
EVIL = "<img src=x onerror=alert(1)>"
"""A name that would run where it became part of a page."""

SCREENS = {
    "overview": "Overview",
    "requests": "Requests",
    "batches": "Batches",
    "usage": "Usage",
    "playground": "Playground",
    "catalog": "Catalog",
    "models": "Models & routes",
    "providers": "Providers",
    "engines": "Engines",
    "keys": "API keys",
    "users": "Users",
    "account": "My account",
    "settings": "Settings",
    "audit": "Audit log",
    "backup": "Backup",
}
ANSWER = "A **chute** is a small program.\n\n1. An *image* with its `runtime`\n2. A few cords\n"
_EXPECTED = ("the server responded with a status of 4", "the server responded with a status of 5")
"""Refusals that a test provokes; the page tells of them itself."""


class House:
    """`gateway` with the administrator `ada`, two upstreams, and routes that fall back from one to the other."""

    def __init__(self, state_dir: Path, upstream: Upstream, spare: Upstream) -> None:
        self.upstream, self.spare = upstream, spare
        upstream.text = ANSWER
        upstream.models = [f"vendor/model-{n:04}" for n in range(1200)]
        self.gateway = RunningGateway(
            state_dir,
            ui_username="ada",
            ui_password=PASSWORD,
            providers={
                "main": {
                    "name": "Main",
                    "base_url": f"{upstream.url}/v1",
                    "api_key": "sk-upstream-secret-123456",
                    "max_retries": 0,
                    "models": [
                        "gpt-4o-mini", "llama-3.3-70b", "mistral-small", {"id": "text-embed", "type": "embedding"},
                        {"id": "whisper-1", "type": "transcription"}, {"id": "kokoro", "type": "speech"},
                        {"id": "flux-schnell", "type": "image"}, {"id": "bge-reranker", "type": "rerank"},
                    ],
                },
                "spare": {"name": "Spare", "base_url": spare.url, "max_retries": 0, "models": ["qwen-vl"]},
                "chutes": {"base_url": upstream.url, "api_key": "cpk_0123456789abcdef", "models": [
                    {"id": "dots-ocr", "type": "ocr", "base_url": upstream.url},
                ]},
            },
            models={"safe": {"targets": [
                {"provider": "main", "model": "fault:500"},
                {"provider": "spare", "model": "qwen-vl", "priority": 1},
            ]}},
        )  # fmt: skip

    @property
    def url(self) -> str:
        return self.gateway.url

    def send_traffic(self) -> None:
        with self.gateway.http() as http:
            for model in ("gpt-4o-mini", "safe", "llama-3.3-70b", "nothing", "gpt-4o-mini", "safe"):
                body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": model == "safe"}
                http.post("/v1/chat/completions", json=body)

    @property
    def asked(self) -> list[Received]:
        """What the first provider was asked, but for what the gateway asks by itself."""
        return [one for one in self.upstream.requests if one.method == "POST"]

    def tidy(self) -> None:
        """As it was in the beginning, but for what was asked meanwhile."""
        for upstream, text in ((self.upstream, ANSWER), (self.spare, "Hello from the upstream.")):
            upstream.faults.clear()
            upstream.text = text
        with self.gateway.http() as http:
            for batch in http.get("/api/admin/batches?status=validating,in_progress").json()["data"]:
                http.post(f"/api/admin/batches/{batch['id']}/cancel")
            for resource in ("apikeys", "models", "providers", "users", "settings"):
                for one in http.get(f"/api/admin/{resource}?limit=1000").json()["data"]:
                    if one["version"] and one.get("username") != "ada":
                        http.delete(f"/api/admin/{resource}/{quote(one['id'], safe='')}?cascade=true")

    def log_in(self, page: Page, username: str = "ada", password: str = PASSWORD) -> None:
        sign_in(page, self.url, username, password)

    def open(self, page: Page, screen: str) -> Page:
        page.goto(f"{self.url}/ui/{screen}")
        return page

    def open_listening(self, page: Page, screen: str) -> None:
        """By the menu, from a page that has its live connection: the screen is told whatever changes from now on."""
        self.open(page, "overview")
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        page.get_by_role("navigation", name="Main").get_by_role("link", name=SCREENS[screen]).click()


def sign_in(page: Page, url: str, username: str = "ada", password: str = PASSWORD) -> None:
    page.goto(f"{url}/ui/login")
    page.get_by_label("User name").fill(username)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and what its console complains of: errors, refusals of the content policy, exceptions, dialogs."""
    page, complaints = context.new_page(), []

    def dismiss(dialog: Dialog) -> None:
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", dismiss)
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and not any(one in message.text for one in _EXPECTED)
            else None
        ),
    )
    return page, complaints
