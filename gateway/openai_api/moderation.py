"""`/v1/moderations`: what is to be judged (`input`), and whether an answer judges all of it. Pure."""

from collections.abc import Mapping

import msgspec

from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.openai_api.json_body import value_of


class _Verdict(msgspec.Struct):
    """`flagged` is OpenAI's; Mistral's answers have the categories alone."""

    flagged: bool | None = None
    categories: dict[str, bool | None] | None = None


class _Verdicts(msgspec.Struct):
    results: list[_Verdict]


_decode = msgspec.json.Decoder(_Verdicts).decode


def count_judged(document: Mapping[str, msgspec.Raw]) -> int:
    """How many verdicts are asked for: one for each text, and one for all parts (texts and images) of one message. 0
    for what only some providers know, such as messages. Raises InvalidRequest for nothing to judge."""
    given = value_of(document, "input")
    if isinstance(given, str) and given:
        return 1
    if not isinstance(given, list) or not given:
        raise InvalidRequest("'input' must be a text, or a list of texts or of parts such as images.", param="input")
    if all(isinstance(item, str) for item in given):
        return len(given)
    return 1 if all(isinstance(item, dict) and "type" in item for item in given) else 0


def check_verdicts(answer: bytes, count: int) -> None:
    """`count` is 0 where nobody knows how many there must be. Raises UpstreamBadResponse."""
    try:
        results = _decode(answer).results
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UpstreamBadResponse("The provider's answer has no usable 'results'.") from None
    if not results or any(one.flagged is None and not one.categories for one in results):
        raise UpstreamBadResponse("The provider's answer lacks verdicts.")
    if count and len(results) != count:
        raise UpstreamBadResponse(f"The provider answered with {len(results)} verdicts for {count} inputs.")
