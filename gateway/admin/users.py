"""People with a login. Deleting one ends the sessions and deletes the keys; the last administrator stays."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.admin.directory import Directory
from gateway.admin.documents import UserDocument
from gateway.admin.kinds import Dependent, Written, defaults, given, kept, reset_moment, stored
from gateway.admin.views import UserView
from gateway.errors import Conflict, InvalidRequest, NotFound
from gateway.state.callers import RESET
from gateway.store.records import Put, Record, Resource

PASSWORD = "password"  # noqa: S105 - the name of the field
ADMIN = "admin"
_DEFAULTS = defaults(UserDocument, {PASSWORD, "budget_period"})


def folded(username: str) -> str:
    """Names that differ only in case are the same person."""
    return username.casefold()


class Users:
    """`written` leaves the password to whoever hashes it: that takes a moment and happens in a thread."""

    resource, noun = Resource.USERS, "user"

    def written(self, document: UserDocument, id: str, directory: Directory) -> Written:
        current = directory.table(self.resource).get(id) if id else None
        _check_free(document.username, id, directory)
        if current and current.document.get("role") == ADMIN and not _rules(document):
            _keep_an_admin(current, directory)
        if current is None and document.password is None:
            raise InvalidRequest("A new user needs a password.", param=PASSWORD, code="missing_required_parameter")
        secret = dict(current.secrets) if current else {}
        fields = kept(document, {PASSWORD})
        if current and RESET in current.document:
            fields[RESET] = current.document[RESET]
        put = Put(self.resource, id or f"user-{secrets.token_hex(6)}", fields, secret, folded(document.username))
        return Written(put, {})

    def summaries(self, directory: Directory) -> Iterable[Mapping[str, Any]]:
        for record in directory.table(self.resource).values():
            yield {"id": record.id, "created_at": record.created_at, **_DEFAULTS, **record.document}

    def view(self, id: str, directory: Directory) -> UserView | None:
        record = directory.table(self.resource).get(id)
        if record is None:
            return None
        keys = sum(key.document.get("user_id") == id for key in directory.table(Resource.APIKEYS).values())
        bookkeeping = stored(record) | {"id": id, "keys": keys, "spent_reset_at": reset_moment(record)}
        return UserView.model_validate({"role": "user"} | given(record, UserDocument) | bookkeeping)

    def dependents(self, id: str, directory: Directory) -> list[Dependent]:
        record = directory.table(self.resource).get(id)
        if record and record.document.get("role") == ADMIN:
            _keep_an_admin(record, directory)
        keys = directory.table(Resource.APIKEYS).values()
        return [
            Dependent(Resource.APIKEYS, key.id, f"is deleted with its owner ('{key.document['name']}')")
            for key in keys
            if key.document.get("user_id") == id
        ]


def _check_free(username: str, id: str, directory: Directory) -> None:
    other = find_user(username, directory)
    if other is not None and other.id != id:
        raise Conflict(f"There is already a user '{other.document['username']}'.", param="username")


def find_user(username: str, directory: Directory) -> Record | None:
    wanted = folded(username)
    return next((r for r in directory.table(Resource.USERS).values() if r.handle == wanted), None)


def named_user(named: str, directory: Directory) -> Record:
    """The user with this id or name. Raises NotFound."""
    record = directory.table(Resource.USERS).get(named) or find_user(named, directory)
    if record is None:
        raise NotFound(f"There is no user '{named}'.")
    return record


def has_admin(directory: Directory) -> bool:
    return any(is_admin(record) for record in directory.table(Resource.USERS).values())


def is_admin(record: Record) -> bool:
    return record.document.get("role") == ADMIN and bool(record.document.get("enabled", True))


def _rules(document: UserDocument) -> bool:
    return document.role == ADMIN and document.enabled


def _keep_an_admin(record: Record, directory: Directory) -> None:
    others = [r for r in directory.table(Resource.USERS).values() if r.id != record.id]
    if not any(is_admin(other) for other in others):
        raise Conflict(f"'{record.document['username']}' is the last administrator: make another one first.")
