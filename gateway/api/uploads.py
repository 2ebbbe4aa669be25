"""Forms with a large file, read piece by piece: what is large goes to a temporary file and never into memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from gateway.api.exchange import too_large, too_slow
from gateway.errors import InvalidRequest, UnsupportedMedia

_FORM = "multipart/form-data"
_OVERHEAD = 2**20
"""Bytes beside the file itself: other fields, boundaries, headers."""
_MOST_FIELDS = 16


@asynccontextmanager
async def read_upload(request: Request, max_bytes: int, seconds: float) -> AsyncIterator[tuple[UploadFile, FormData]]:
    """The field `file` and all fields of a form. Its file is gone afterwards.

    Raises TooLarge for a body beyond `max_bytes`, RequestTimeout for one of which nothing comes for `seconds`, and
    InvalidRequest for what is no form or has no file.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != _FORM.encode():
        raise UnsupportedMedia(f"Send the file as {_FORM} (with curl: -F file=@NAME).")
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):  # some take minutes to be read
        raise UnsupportedMedia("Send the form in UTF-8.")
    bounded = Request(request.scope, _Bounded(request, max_bytes + _OVERHEAD, seconds))
    try:
        form = await bounded.form(max_files=1, max_fields=_MOST_FIELDS)
    except HTTPException as error:
        raise InvalidRequest(f"The form is broken: {error.detail}", code="invalid_multipart_data") from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            text = "Missing required parameter: 'file', as a part with a file name (with curl: -F file=@NAME)."
            raise InvalidRequest(text, param="file", code="missing_required_parameter")
        yield file, form
    finally:
        await form.close()


class _Bounded:
    """A receive that stops what is too large or too slow."""

    def __init__(self, request: Request, most: int, seconds: float) -> None:
        self._receive, self._most, self._seconds = request.receive, most, seconds
        self._size = 0

    async def __call__(self) -> Message:
        try:
            message = await asyncio.wait_for(self._receive(), self._seconds)
        except TimeoutError:
            raise too_slow(self._seconds) from None
        self._size += len(message.get("body", b""))
        if self._size > self._most:
            raise too_large(self._most)
        return message
