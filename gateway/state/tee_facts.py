"""`CatalogTee`: what the catalog of this moment says of trusted execution environments at Chutes. Made by the app,
asked by the dispatcher. Whatever the catalog does not say clearly and lately, it does not say."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from gateway.catalog.board import CatalogBoard
from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import CHUTES
from gateway.catalog.fields import SNAPSHOT
from gateway.catalog.model import CatalogModel
from gateway.providers.base import Provider
from gateway.providers.chutes import LLM_URL, is_chutes_host
from gateway.routing.types import Target

_FIELD = "tee"
_SURE = frozenset({"origin", "chute_id", "name"})
"""Ways in which a source's row was matched to its chute that leave no doubt (`catalog.matching`)."""


class CatalogTee:
    """Facts of a source that was heard more than `max_age` seconds ago do not count. `shared` is the configured host of
    all text models. For use on one loop."""

    def __init__(
        self, board: CatalogBoard, shared: str, max_age: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._board, self._clock = board, clock
        self._shared = frozenset({_place(LLM_URL), _place(shared)})
        self.max_age = max_age
        self._index = _Index(board.current)

    def __call__(self, target: Target, provider: Provider) -> tuple[bool | None, str]:
        """By the name where the shared host is asked, else by the host: what a chute of its own is called there says
        nothing. Of several chutes that it may be, each must run in one."""
        index = self._index
        if index.catalog is not self._board.current:
            self._index = index = _Index(self._board.current)
        models = index.models.get(self._key(target, provider), ())
        said = [self._said(model, index) for model in models]
        if not said:
            return None, "the catalog does not list it"
        outside = [one for one in said if one[0] is False]
        return (*outside, *(one for one in said if not one[0]), *said)[0]

    def _key(self, target: Target, provider: Provider) -> str:
        base_url = target.base_url or provider.base_url or LLM_URL
        if _place(base_url) in self._shared:
            return target.upstream_model.removeprefix("chutes/").removesuffix(":THINKING").lower()
        return f"host {_slug(base_url)}" if is_chutes_host(base_url) else ""

    def _said(self, model: CatalogModel, index: "_Index") -> tuple[bool | None, str]:
        live = [source for source in model.tee_said_by if source != SNAPSHOT]
        if live and model.tee is False:
            return False, "the catalog says that it runs outside of a trusted execution environment"
        if any(conflict.field == _FIELD for conflict in model.conflicts):
            return False, "what Chutes says of its trusted execution environment differs from place to place"
        heard = [index.heard.get(source, 0) for source in live if model.matches.get(source) in _SURE]
        if not heard:
            return None, "the catalog does not say whether it runs in a trusted execution environment"
        age = self._clock() - max(heard) / 1000
        if not 0 <= age <= self.max_age:
            return None, f"what the catalog says of it is {_minutes(age)} old; {_minutes(self.max_age)} is the most"
        return True, ""


class _Index:
    """`models` by whatever may lead to them, `heard` is when each source was, in milliseconds since 1970."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.models: dict[str, list[CatalogModel]] = {}
        for model in catalog.models:
            for key in dict.fromkeys(_keys(model)) if model.gateway == CHUTES else ():
                self.models.setdefault(key, []).append(model)
        self.heard = {one.source: one.at for one in catalog.report.sources}


def _keys(model: CatalogModel) -> Iterator[str]:
    for name in (model.id, model.upstream_id, model.chute_id):
        if name:
            yield name.lower()
    if model.slug:
        yield f"host {model.slug.lower()}"


def _slug(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().rstrip(".").removesuffix(".chutes.ai")


def _place(url: str) -> str:
    """Host and port. URLs were checked when they were configured."""
    return urlsplit(url).netloc.lower()


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min"
