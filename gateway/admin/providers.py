"""Providers: their secrets sealed, masked values kept, and the models that lead to them."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.access.secrets import SealedElsewhere, mask_secret
from gateway.admin.directory import Directory
from gateway.admin.documents import ProviderDocument, slug
from gateway.admin.kinds import Dependent, Written, kept, stored
from gateway.admin.masks import unmask, unmask_headers
from gateway.admin.overlay import opened, sealed
from gateway.admin.views import ProviderView
from gateway.errors import InvalidRequest
from gateway.providers.base import Provider, ProviderType
from gateway.settings import ProviderConfig
from gateway.store.records import Put, Record, Resource

_SECRET = {"api_key", "api_keys", "headers", "proxy"}


class Providers:
    resource, noun = Resource.PROVIDERS, "provider"

    def written(self, document: ProviderDocument, id: str, directory: Directory) -> Written:
        id = id or document.id or slug(document.name)
        if document.type == ProviderType.LOCAL or id in {e.name for e in directory.base.engines.statuses()}:
            raise InvalidRequest("Local engines are configured under 'engines', not as providers.", param="type")
        current = directory.table(self.resource).get(id)
        secrets = self._secrets(document, id, current, directory)
        return Written(Put(self.resource, id, kept(document, {"id", *_SECRET}), secrets), {})

    def _secrets(
        self, document: ProviderDocument, id: str, current: Record | None, directory: Directory
    ) -> dict[str, str]:
        """Sealed. What the document does not mention stays as it is, even where it cannot be opened now."""
        sealer, given = directory.base.sealer, document.model_fields_set
        tokens = dict(current.secrets) if current else {}
        try:
            known = opened(current, sealer) if current else _of_file(directory.base.settings.providers.get(id))
        except SealedElsewhere:
            known = {}
        if given & {"api_key", "api_keys"}:
            sent = [*([document.api_key] if document.api_key else []), *document.api_keys]
            keys = [unmask(key.get_secret_value(), known.get("api_keys", []), "api_key") for key in sent]
            tokens = _put(tokens, "api_keys", [key for key in dict.fromkeys(keys) if key], sealer)
        if "headers" in given:
            tokens = _put(tokens, "headers", unmask_headers(document.headers, known.get("headers", {})), sealer)
        if "proxy" in given:
            proxy = document.proxy.get_secret_value() if document.proxy else ""
            tokens = _put(tokens, "proxy", unmask(proxy, [known.get("proxy", "")], "proxy"), sealer)
        return tokens

    def summaries(self, directory: Directory) -> Iterable[Mapping[str, Any]]:
        for provider in directory.snapshot.providers.values():
            if provider.type != ProviderType.LOCAL:
                yield {
                    "id": provider.id,
                    "name": provider.name,
                    "type": provider.type,
                    "base_url": provider.base_url,
                    "enabled": provider.enabled,
                }

    def view(self, id: str, directory: Directory) -> ProviderView | None:
        provider = directory.snapshot.providers.get(id)
        if provider is None or provider.type == ProviderType.LOCAL:
            return None
        record = directory.table(self.resource).get(id)
        config = directory.settings.providers.get(id, ProviderConfig())
        written = config.model_dump(mode="json", exclude=_SECRET)
        keys = [mask_secret(key) for key in provider.api_keys]
        return ProviderView.model_validate(
            {name: value for name, value in written.items() if name in ProviderView.model_fields}
            | stored(record)
            | {
                "id": id,
                "origin": directory.origin(self.resource, id) if config.model_fields_set else "environment",
                "name": provider.name,
                "type": provider.type,
                "base_url": provider.base_url,
                "api_key": keys[0] if keys else None,
                "api_keys": keys,
                "enabled": provider.enabled,
                "status": _status(provider, record, directory),
                "headers": {name: mask_secret(value) for name, value in provider.headers.items()},
                "proxy": mask_secret(provider.via.proxy) if provider.via and provider.via.proxy else None,
                "used_by": [
                    route.id
                    for route in directory.snapshot.routes.values()
                    if any(target.provider_id == id for target in route.targets)
                ],
            }
        )

    def dependents(self, id: str, directory: Directory) -> list[Dependent]:
        """Models of the database that lead only here go with it; others lose their targets here."""
        found = []
        for record in directory.table(Resource.MODELS).values():
            document = record.document
            targets = document.get("targets", [])
            others = [target for target in targets if target.get("provider") != id]
            fallbacks = [f for f in document.get("fallbacks", []) if isinstance(f, str) or f.get("provider") != id]
            if document.get("provider") == id or (targets and not others):
                found.append(Dependent(Resource.MODELS, record.id, "is deleted: it leads nowhere else"))
            elif len(others) < len(targets) or len(fallbacks) < len(document.get("fallbacks", [])):
                left = {**document, "targets": others, "fallbacks": fallbacks}
                put = Put(Resource.MODELS, record.id, {name: value for name, value in left.items() if value})
                found.append(Dependent(Resource.MODELS, record.id, "loses its targets there", put))
        return found


def _put(tokens: Mapping[str, str], name: str, value: Any, sealer: Any) -> dict[str, str]:
    return {other: token for other, token in tokens.items() if other != name} | sealed({name: value}, sealer)


def _of_file(config: ProviderConfig | None) -> dict[str, Any]:
    if config is None:
        return {}
    keys = [*([config.api_key] if config.api_key else []), *config.api_keys]
    return {
        "api_keys": [key.get_secret_value() for key in keys],
        "headers": config.headers,
        "proxy": config.proxy.get_secret_value() if config.proxy else "",
    }


def _status(provider: Provider, record: Record | None, directory: Directory) -> str:
    if record:
        try:
            opened(record, directory.base.sealer)
        except SealedElsewhere:
            return "its keys were sealed with another SECRET_KEY: set that one again, or enter the keys anew"
    return "enabled" if provider.enabled else "disabled"
