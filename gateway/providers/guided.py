"""vLLM's former fields for constrained answers, told to an engine by their present name. Pure.

vLLM 0.32 passes over `guided_json` and its like, and answers as it pleases; `structured_outputs` has taken their place
(its `entrypoints/serve/engine/protocol.py`).
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from gateway.errors import InvalidRequest
from gateway.openai_api.call import Call
from gateway.openai_api.json_body import is_given

_PREFIX, _FIELD = "guided_", "structured_outputs"
_KINDS = ("json", "regex", "choice", "grammar")


def as_structured(call: Call) -> Call:
    """The same call where it has none of them. Raises `InvalidRequest` for more than one, as for one beside
    `structured_outputs`: an answer follows one."""
    document = call.document()
    given = [kind for kind in _KINDS if is_given(document, _PREFIX + kind)]
    if not given:
        return call
    if len(given) > 1 or is_given(document, _FIELD):
        other = _PREFIX + given[1] if len(given) > 1 else _FIELD
        raise InvalidRequest(f"Give '{_PREFIX}{given[0]}' or '{other}', not both.", param=_PREFIX + given[0])
    return call.replaced(body=call.excerpt().restore(msgspec.json.encode(_renamed(document, given[0]))))


def _renamed(document: Mapping[str, Raw], kind: str) -> dict[str, object]:
    former = {_PREFIX + kind for kind in _KINDS}
    kept: dict[str, object] = {name: value for name, value in document.items() if name not in former}
    return kept | {_FIELD: {kind: document[_PREFIX + kind]}}
