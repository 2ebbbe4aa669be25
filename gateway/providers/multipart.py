"""multipart/form-data as sent to upstreams: a few fields and their files, built in memory."""

import secrets
from collections.abc import Iterable

from gateway.openai_api.call import Upload


def encode_multipart(fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, Upload]]) -> tuple[bytes, str]:
    """Body and content type. Names and file names cannot leave their quotes."""
    boundary = secrets.token_hex(24)
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{_quoted(field)}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields
    ]
    for name, file in files:
        head = (
            f'--{boundary}\r\ncontent-disposition: form-data; name="{_quoted(name)}"; filename="{_filename(file)}"\r\n'
            f"content-type: {_line(file.media_type) or 'application/octet-stream'}\r\n\r\n"
        )
        parts += [head.encode(), file.data, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _filename(file: Upload) -> str:
    """Only the last part of the name: upstreams judge the format by its suffix."""
    return _quoted(file.filename.replace("\\", "/").rpartition("/")[2][-200:]) or "file"


def _quoted(text: str) -> str:
    return _line(text).replace('"', "%22")


def _line(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
