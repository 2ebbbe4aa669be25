"""Gateway keys: only their hashes are stored, the key itself is shown once, when it is made or rotated."""

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.access.keys import check_custom_key, digest, mask, new_key
from gateway.admin.directory import Directory
from gateway.admin.documents import ApiKeyDocument
from gateway.admin.kinds import Dependent, Written, defaults, given, kept, reset_moment, stored
from gateway.admin.views import ApiKeyView
from gateway.errors import Conflict, InvalidRequest, NotFound
from gateway.settings import KeyConfig
from gateway.state.callers import FILE, MASTER_ID, RESET, file_key_id
from gateway.store.records import Put, Record, Resource

_OWN = ("mask", "previous", RESET)
"""Fields of a record that the gateway notes itself."""
_DEFAULTS = defaults(ApiKeyDocument, {"key", "budget_period"})


class ApiKeys:
    resource, noun = Resource.APIKEYS, "key"

    def written(self, document: ApiKeyDocument, id: str, directory: Directory) -> Written:
        if id == MASTER_ID or id.startswith(FILE):
            raise Conflict(f"The key '{id}' is not one of the database: change it where it is configured.")
        if document.user_id and document.user_id not in directory.table(Resource.USERS):
            raise InvalidRequest(f"There is no user '{document.user_id}'.", param="user_id")
        fields = kept(document, {"key"})
        current = directory.table(self.resource).get(id) if id else None
        if current is None:
            key = _chosen(document, directory) or new_key()
            put = Put(self.resource, id or f"key-{secrets.token_hex(6)}", _with_key(fields, key), handle=_hex(key))
            return Written(put, {"key": key})
        if document.key is not None and document.key.get_secret_value() != current.document["mask"]:
            raise InvalidRequest("A key keeps its value: rotate it, or make another one.", param="key")
        own = {name: current.document[name] for name in _OWN if name in current.document}
        return Written(Put(self.resource, id, fields | own, handle=current.handle), {})

    def rotated(self, id: str, overlap: float, directory: Directory, custom: str | None = None) -> Written:
        """A new value; the old one works for `overlap` seconds more. Without an overlap no older value works any more.
        Raises NotFound."""
        current = directory.table(self.resource).get(id)
        if current is None and id != MASTER_ID:
            raise NotFound(f"There is no API key '{id}' in the database.")
        if current is None and directory.base.settings.master_api_key:
            raise Conflict("The master key is set as MASTER_API_KEY: change it there, and restart.")
        if custom:
            check_custom_key(custom)
        key, now = custom or new_key(), time.time()
        _check_free(key, directory)
        fields: dict[str, Any] = dict(current.document) if current else {"name": "master"}
        digest_now = current.handle if current else _hex(directory.base.master_key)
        previous: list[Any] = []
        if overlap > 0:
            previous = [old for old in fields.get("previous", []) if old["until"] > now]
            previous.append({"digest": digest_now, "until": now + overlap})
        fields = _with_key({**fields, "previous": previous}, key)
        expected = current.version if current else 0
        return Written(Put(self.resource, id, fields, handle=_hex(key), expected=expected), {"key": key})

    def summaries(self, directory: Directory) -> Iterable[Mapping[str, Any]]:
        if MASTER_ID not in directory.table(self.resource):
            yield {"id": MASTER_ID, **_DEFAULTS, "name": "master"}
        for id, key in _of_file(directory).items():
            yield {"id": id, **_DEFAULTS, **_fields(key)}
        for record in directory.table(self.resource).values():
            yield {"id": record.id, "created_at": record.created_at, **_DEFAULTS, **record.document}

    def view(self, id: str, directory: Directory) -> ApiKeyView | None:
        record = directory.table(self.resource).get(id)
        if record is not None:
            return _view(record)
        if id == MASTER_ID:
            key = mask(directory.base.master_key)
            origin = directory.base.origins.get("master_api_key", "state folder")
            return ApiKeyView(id=MASTER_ID, name="master", key=key, is_master=True, origin=origin)
        config = _of_file(directory).get(id)
        if config is None:
            return None
        place = directory.base.settings.place("keys", _position(id, directory))
        since = reset_moment(directory.table(Resource.RESETS).get(f"key:{id}"))
        found = {"id": id, "key": mask(config.key.get_secret_value()), "origin": place, "spent_reset_at": since}
        return ApiKeyView.model_validate(_fields(config) | found)

    def dependents(self, id: str, directory: Directory) -> list[Dependent]:
        if id == MASTER_ID:
            raise Conflict("The master key cannot be deleted; it can be rotated.")
        return []


def _of_file(directory: Directory) -> dict[str, KeyConfig]:
    return {file_key_id(n, key): key for n, key in enumerate(directory.base.settings.keys, 1)}


def _fields(config: KeyConfig) -> dict[str, Any]:
    """Of a key of the file, named as in the database."""
    return config.model_dump(mode="json", include=set(ApiKeyView.model_fields) - {"key"}) | {"user_id": config.user}


def _position(id: str, directory: Directory) -> int:
    return list(_of_file(directory)).index(id)


def _chosen(document: ApiKeyDocument, directory: Directory) -> str | None:
    if document.key is None:
        return None
    key = document.key.get_secret_value()
    check_custom_key(key)
    _check_free(key, directory)
    return key


def _check_free(key: str, directory: Directory) -> None:
    if digest(key) in directory.snapshot.callers:
        raise Conflict("This value is already a key.", param="key")


def _with_key(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {**fields, "mask": mask(key)}


def _hex(key: str) -> str:
    return digest(key).hex()


def _view(record: Record) -> ApiKeyView:
    now = time.time()
    previous = [old["until"] for old in record.document.get("previous", ()) if old["until"] > now]
    bookkeeping = {
        "id": record.id,
        "key": record.document["mask"],
        "is_master": record.id == MASTER_ID,
        "previous_until": max(previous, default=None),
        "spent_reset_at": reset_moment(record),
    }
    return ApiKeyView.model_validate(given(record, ApiKeyDocument) | stored(record) | bookkeeping)
