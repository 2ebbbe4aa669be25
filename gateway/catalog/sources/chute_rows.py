"""A chute as the management API describes it, in the list and alone. Used by the sources `chutes` and `detail`."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.catalog.facts import Facts, ModelFacts, Rejected
from gateway.catalog.prices import estimated
from gateway.catalog.readers import mapping, moment, name, rows, said, text, whole, words, yes_no
from gateway.providers.chutes_hosts import emulated_url


def read_chutes(
    source: str, items: object, at: int, refs: Mapping[str, Any], *, api_url: str, annotates: bool = False
) -> Facts:
    """`refs` are the shared cords of a list: rows may name them instead of holding them. `api_url` is who told."""
    models, rejected = [], []
    for item in rows(items):
        row = _row(mapping(item), at, refs, api_url)
        if isinstance(row, ModelFacts):
            models.append(row)
        else:
            rejected.append(Rejected(source, text(mapping(item).get("name"), 80) or "(unnamed)", row))
    return Facts(source, models=tuple(models), rejected=tuple(rejected), at=at, annotates=annotates)


def _row(item: Mapping[str, Any], at: int, refs: Mapping[str, Any], api_url: str) -> ModelFacts | str:
    if not item:
        return "is not an object"
    title, chute_id = name(item.get("name")), text(item.get("chute_id") or item.get("id"), 64)
    if not title:
        return "has no name"
    if not chute_id:
        return "has no chute_id"
    own = {"base_url": url} if (url := emulated_url(item, api_url)) else {}
    return ModelFacts(chute_id, title, chute_id, _fields(item, at, refs) | own)


def _fields(item: Mapping[str, Any], at: int, refs: Mapping[str, Any]) -> dict[str, Any]:
    selector = mapping(item.get("node_selector"))
    image = mapping(item.get("image"))
    return said(
        (
            ("slug", text(item.get("slug"), 128)),
            ("description", text(item.get("tagline"), 1024)),
            ("username", text(mapping(item.get("user")).get("username") or item.get("username"), 64)),
            ("created", moment(item.get("created_at"))),
            ("public", yes_no(item.get("public"))),
            ("template", text(item.get("standard_template"), 64)),
            ("image", ":".join(part for part in (text(image.get("name"), 64), text(image.get("tag"), 64)) if part)),
            ("tee", yes_no(item.get("tee"))),
            ("hot", yes_no(item.get("hot"))),
            ("gpus", words(item.get("supported_gpus")) or words(selector.get("supported_gpus"))),
            ("gpu_count", whole(selector.get("gpu_count"))),
            ("concurrency", whole(item.get("concurrency"))),
            ("max_instances", whole(item.get("max_instances"))),
            ("invocation_count", whole(item.get("invocation_count"))),
            ("cords", tuple(_paths(item, refs))),
            *_instances(item.get("instances")),
            *estimated(item.get("current_estimated_price"), at).items(),
        )
    )


def _instances(value: object) -> list[tuple[str, int | None]]:
    """None where the list is left out; an empty one says that there are none."""
    if not isinstance(value, list):
        return []
    found = [mapping(one) for one in value]
    return [
        ("instances", len(found)),
        ("active_instances", sum(one.get("active") is True for one in found)),
        ("verified_instances", sum(one.get("verified") is True for one in found)),
    ]


def _paths(item: Mapping[str, Any], refs: Mapping[str, Any]) -> Iterable[str]:
    shared = refs.get(str(item.get("cord_ref_id") or item.get("cords_ref") or ""))
    cords = item.get("cords") or mapping(shared).get("cords") or shared
    return (path for cord in rows(cords)[:64] if (path := text(mapping(cord).get("public_api_path"), 128)))
