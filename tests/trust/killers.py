# ruff: noqa: E501
"""What has brought JSON and form parsers down elsewhere, and mutations of good requests. Sources: the incidents in
docs/security.md, and the traps of Python's own parser."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

MULTIPART = "multipart/form-data; boundary=cut"
JSON = "application/json"

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    "",
    " ",
    "x",
    "\x00",
    "a\x00b",
    "é" * 300,
    "\U0001f600" * 50,
    "\u202e",
    "\r\nx-injected: 1",
    "../../etc/passwd",
    "%00",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "' OR 1=1 --",
    "A" * 70_000,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    [0] * 2000,
    {"a": {"b": {"c": []}}},
    "true",
    "NaN",
    "1e999",
    "data:image/png;base64,",
    "data:image/png;base64,AAAA",
    "data:;base64,====",
    "http://127.0.0.1:1/x",
    "file:///etc/passwd",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAgAAAAIAACAYAAAD",
    ["x"] * 300,
    {"type": "image_url"},
    [{"type": "text"}],
    {"url": 5},
    [{"role": "user"}],
    [{"role": 5, "content": 5}],
    {"effort": []},
    "default",
    "fault:429",
]
RAW: list[bytes] = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"x"',
    b"5",
    b"{",
    b"}",
    b"{}",
    b'{"model":',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    '{"model":"gpt-x"}'.encode("utf-16"),
    '{"model":"gpt-x"}'.encode("utf-32"),
    b'{"model":"\\ud800"}',
    b'{"model":"\xff"}',
    b'{"model":"gpt-x","model":5}',
    b'{"model":NaN}',
    b'{"model":Infinity}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":-' + b"1" * 5000 + b"}",
    b'{"a":1e99999}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"\\u0000":1}',
    b'{"model":"gpt-x"}garbage',
    b"{'model':'gpt-x'}",
    b'{"a":1,}',
    b"\x00" * 1000,
    b"--cut\r\n",
    b"--cut--\r\n",
    b'{"model":"gpt-x","messages":[{"role":"user","content":"\\udc00\\ud800"}]}',
    b"model=gpt-x&messages=x",
    b'{"' + b"k" * 100_000 + b'":1}',
    b'{"a":"' + b"\\u00e9" * 20_000 + b'"}',
    b"{" + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}",
]
FORMS: list[bytes] = [
    b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--cut--\r\n',
    b'--cut\r\nContent-Disposition: form-data; name="file"; filename="../../x.wav"\r\n\r\nRIFF\r\n--cut--\r\n',
    b'--cut\r\nContent-Disposition: form-data; name="file"; filename="' + b"n" * 50_000 + b'"\r\n\r\nx\r\n--cut--\r\n',
    b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n--cut--\r\n",
    b'--cut\r\nContent-Disposition: form-data; name="a\xff"\r\n\r\n\xff\xfe\r\n--cut--\r\n',
    b"--cut\r\n" + b"X-Header: y\r\n" * 500 + b"\r\nx\r\n--cut--\r\n",
    b"".join(b'--cut\r\nContent-Disposition: form-data; name="p%d"\r\n\r\nx\r\n' % n for n in range(3000))
    + b"--cut--\r\n",
    b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\nsecret-1\r\n--cut--\r\n',
    b"--cut\r\nContent-Disposition: form-data; name=file; filename*=UTF-8''%00%ff\r\n\r\nRIFF\x00\x00\x00\x00WAVE\r\n--cut--",
    b"--cut\r\nContent-Disposition: form-data; name=file; filename=a\r\nContent-Transfer-Encoding: base64\r\n\r\n===\r\n--cut",
    b"--cut\r\n\r\n\r\n--cut--",
    b"\r\n\r\n--cut--\r\n\r\n",
    b"--cut" * 10_000,
]
TYPES = [
    JSON,
    JSON,
    JSON,
    JSON,
    "application/json; charset=utf-16",
    "text/plain",
    "",
    "multipart/form-data",
    MULTIPART,
    "multipart/form-data; boundary=" + "b" * 300,
    "application/x-www-form-urlencoded",
    "\xff",
]


_PIECES = [b"", b"\x00", b"\xff", b'"', b"{", b"\r\n", b"\\u"]


class Mutations:
    """An endless row of bodies with their content types, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, good: Any, form: bytes | None = None) -> Iterator[tuple[str, bytes]]:
        """`good` is a document that the endpoint takes; `form` a multipart body with the boundary `cut`."""
        yield from ((JSON, body) for body in RAW)
        if form is not None:
            yield from ((MULTIPART, body) for body in FORMS)
        while True:
            if form is not None and self._random.random() < 0.4:
                yield MULTIPART, self._bytes(form)
            elif self._random.random() < 0.15:
                yield self._random.choice(TYPES), self._bytes(json.dumps(good).encode())
            else:
                yield JSON, json.dumps(self._changed(good)).encode()

    def _changed(self, document: Any) -> Any:
        """A copy in which one to three places hold something else, are gone, or are new."""
        copied = copy.deepcopy(document)
        for _ in range(self._random.randint(1, 3)):
            places = list(_places(copied))
            holder, place = self._random.choice(places)
            chance = self._random.random()
            if chance < 0.7 or isinstance(holder, list):
                holder[place] = copy.deepcopy(self._random.choice(VALUES))
            elif chance < 0.85:
                del holder[place]
            else:
                holder[str(self._random.choice(VALUES))[:40]] = copy.deepcopy(self._random.choice(VALUES))
            if not any(_places(copied)):
                break
        return copied

    def _bytes(self, body: bytes) -> bytes:
        """A few bytes cut out, doubled, or replaced."""
        changed = bytearray(body)
        for _ in range(self._random.randint(1, 4)):
            at = self._random.randrange(len(changed) + 1)
            piece = self._random.choice(
                [b"", b"\x00", b"\xff", b'"', b"{", b"\r\n", b"\\u", bytes(changed[at : at + 20])]
            )
            changed[at : at + self._random.choice([0, 1, 1, 8])] = piece
        return bytes(changed)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document, as its holder and the key or number there."""
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for place, value in list(pairs):
        yield document, place
        yield from _places(value)
