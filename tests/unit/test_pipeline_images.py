"""How much a request may have looked up and fetched for its images."""

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.call import Call
from gateway.openai_api.confidentiality import Rule
from gateway.openai_api.operations import CHAT
from gateway.pipeline.images import find_chat_images, prepare_chat_images
from gateway.routing.types import Route, Target
from gateway.state import MediaLimits, Snapshot

ROUTE = Route(id="m", targets=(Target("main", "m"),))
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Media:
    """In the place of `MediaLimits`: every address leads to `size` bytes."""

    size: int = 100
    max_image_bytes: int = 20 * 2**20
    judged: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    async def judge(self, url: str) -> None:
        self.judged.append(url)

    async def fetch(self, url: str) -> tuple[bytes, str]:
        self.fetched.append(url)
        return PNG.ljust(self.size, b"\0"), "image/png"


async def prepare(addresses: int, media: Media, kind: str = "image_url") -> Call:
    parts: list[dict[str, Any]] = [
        {"type": kind, kind: {"url": f"https://{n}.example/a.png"}} for n in range(addresses)
    ]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()
    call = Call(CHAT, "m", "", 0.0, body=body, rule=Rule(local=("the key 'a'",)))
    limits = cast(MediaLimits, media)
    use = find_chat_images(call, ROUTE, limits)
    return await prepare_chat_images(call, use, ROUTE, cast(Snapshot, None), limits)


@pytest.mark.parametrize("kind", ["image_url", "video_url"])
async def test_a_hundred_addresses_are_looked_up_and_no_more(kind: str) -> None:
    media = Media()
    await prepare(100, media, kind)
    assert len(media.judged) == 100
    with pytest.raises(InvalidRequest, match="more than 100 addresses"):
        await prepare(101, media, kind)
    assert len(media.judged) == 100


async def test_images_that_are_fetched_fit_into_64_mb_together() -> None:
    media = Media(size=16 * 2**20)
    with pytest.raises(InvalidImage, match="exceed 64MB together"):
        await prepare(9, media)
    assert len(media.fetched) == 5
    assert len((await prepare(2, media)).body) > 2 * 16 * 2**20
