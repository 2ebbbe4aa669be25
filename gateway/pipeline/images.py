"""Images in chat messages: checked before any target is asked, fetched here when a local engine is to see them."""

from dataclasses import replace

from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.call import Call
from gateway.openai_api.data_url import data_url, image_format
from gateway.openai_api.images import ImageUse, find_images, inline_images
from gateway.providers.base import ProviderType
from gateway.routing.types import Route
from gateway.state import MediaLimits, Snapshot


def find_chat_images(call: Call, route: Route, limits: MediaLimits) -> ImageUse:
    """Raises InvalidImage or InvalidRequest."""
    use = find_images(call.excerpt(), limits.max_image_bytes)
    if use.count and route.supports_images is False:
        raise InvalidRequest(
            f"The model '{route.id}' does not take images.", param="messages", code="image_upload_not_supported"
        )
    return use


async def fetch_chat_images(call: Call, use: ImageUse, route: Route, snapshot: Snapshot, limits: MediaLimits) -> Call:
    """Judges every address. An engine of ours never fetches a URL: it gets the image itself. So does whoever is asked
    when data must stay local."""
    for url in {*(image.url for image in use.remote), *use.other_urls}:
        await limits.judge(url)
    stays = call.rule is not None and bool(call.rule.local)
    if use.remote and (stays or _local(route, snapshot)):
        return replace(call, body=inline_images(call.body, await _fetched(use, limits)))
    return call


def _local(route: Route, snapshot: Snapshot) -> bool:
    providers = (snapshot.providers.get(target.provider_id) for target in route.targets)
    return any(provider is not None and provider.type is ProviderType.LOCAL for provider in providers)


async def _fetched(use: ImageUse, limits: MediaLimits) -> dict[str, str]:
    """A data URL for each remote image. The bytes decide the type, not what the server called them."""
    found: dict[str, str] = {}
    for url in dict.fromkeys(image.url for image in use.remote):
        data, _ = await limits.fetch(url)
        media_type = image_format(data)
        if media_type is None:
            raise InvalidImage("The image address does not lead to a PNG, JPEG, WebP or GIF image.", param="messages")
        found[url] = data_url(media_type, data)
    return found
