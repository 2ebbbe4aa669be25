"""Documents for OCR: fetched where the caller gave a URL, opened, and turned into one image a page."""

from gateway.errors import InvalidRequest
from gateway.media.pages import render_pages
from gateway.openai_api.call import Call, Upload
from gateway.openai_api.ocr_request import OcrRequest, RemoteFile
from gateway.state import MediaLimits


async def open_pages(call: Call, request: OcrRequest, limits: MediaLimits) -> Call:
    """The call with `files` = the page images, in order."""
    pages: list[Upload] = []
    for document in request.inputs:
        upload = await fetched(document, limits) if isinstance(document, RemoteFile) else document
        room = limits.max_pages - len(pages)
        if room <= 0:
            raise InvalidRequest(f"At most {limits.max_pages} pages are read at a time.", param="pages")
        rendered = await render_pages(
            upload,
            max_pages=room,
            dpi=limits.dpi,
            max_pixels=limits.max_pixels,
            pages=request.pages,
            timeout=limits.timeout,
            slots=limits.rendering,
        )
        pages += [Upload(upload.filename, page.media_type, page.data) for page in rendered]
    if not pages:
        raise InvalidRequest("The document has none of the asked pages.", param="pages")
    return call.replaced(files=tuple(pages))


async def fetched(file: RemoteFile, limits: MediaLimits) -> Upload:
    """Raises InvalidImage."""
    data, media_type = await limits.fetch(file.url)
    return Upload(file.url.rpartition("/")[2].partition("?")[0] or "document", media_type, data)
