"""Pictures to edit: fetched where the caller gave a URL, and known for what they are."""

from gateway.openai_api.call import Call, Upload
from gateway.openai_api.editing import EditRequest, checked_picture
from gateway.pipeline.images import MOST_BYTES, too_much
from gateway.pipeline.pages import fetched
from gateway.state import MediaLimits


async def open_pictures(call: Call, request: EditRequest, limits: MediaLimits) -> Call:
    """The call with `files` = the pictures, in order. Raises InvalidImage."""
    files: list[Upload] = []
    size = 0
    for one in request.inputs:
        if isinstance(one, Upload):
            files.append(one)
            continue
        files.append(checked_picture(await fetched(one, limits), one.param))
        if (size := size + len(files[-1].data)) > MOST_BYTES:
            raise too_much(one.param)
    return call.replaced(files=tuple(files))
