"""Images in chat messages: checked before any target is asked, made ready for those that are."""

from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.call import Call
from gateway.openai_api.data_url import data_url, image_format, unwrapped
from gateway.openai_api.images import ImageUse, find_images, inline_images
from gateway.providers.base import ProviderType
from gateway.routing.types import Route
from gateway.state import MediaLimits, Snapshot

_MOST_ADDRESSES = 100
"""Of one request: each name is looked up before anybody is asked."""
MOST_BYTES = 64 * 2**20
"""Of all images that are fetched for one request."""


def find_chat_images(call: Call, route: Route, limits: MediaLimits) -> ImageUse:
    """Raises InvalidImage or InvalidRequest."""
    use = find_images(call.excerpt(), limits.max_image_bytes)
    if use.count and route.supports_images is False:
        raise InvalidRequest(
            f"The model '{route.id}' does not take images.", param="messages", code="image_upload_not_supported"
        )
    return use


async def prepare_chat_images(call: Call, use: ImageUse, route: Route, snapshot: Snapshot, limits: MediaLimits) -> Call:
    """Judges every address. An engine of ours never fetches a URL: it gets the image itself. So does whoever is asked
    when data must stay local. Base64 that stands in lines is put into one."""
    addresses = {*(image.url for image in use.remote), *use.other_urls}
    if len(addresses) > _MOST_ADDRESSES:
        raise InvalidRequest(f"The messages name more than {_MOST_ADDRESSES} addresses.", param="messages")
    for url in addresses:
        await limits.judge(url)
    stays = call.rule is not None and bool(call.rule.local)
    replacements = {url: unwrapped(url) for url in use.wrapped}
    if use.remote and (stays or _local(route, snapshot)):
        replacements |= await _fetched(use, limits)
    return call.replaced(body=inline_images(call.body, replacements)) if replacements else call


def too_much(param: str) -> InvalidImage:
    return InvalidImage(f"The images at the addresses exceed {MOST_BYTES // 2**20}MB together.", param=param)


def _local(route: Route, snapshot: Snapshot) -> bool:
    providers = (snapshot.providers.get(target.provider_id) for target in route.targets)
    return any(provider is not None and provider.type is ProviderType.LOCAL for provider in providers)


async def _fetched(use: ImageUse, limits: MediaLimits) -> dict[str, str]:
    """A data URL for each remote image. The bytes decide the type, not what the server called them."""
    found: dict[str, str] = {}
    size = 0
    for url in dict.fromkeys(image.url for image in use.remote):
        data, _ = await limits.fetch(url)
        if (size := size + len(data)) > MOST_BYTES:
            raise too_much("messages")
        media_type = image_format(data)
        if media_type is None:
            raise InvalidImage("The image address does not lead to a PNG, JPEG, WebP or GIF image.", param="messages")
        found[url] = data_url(media_type, data)
    return found
