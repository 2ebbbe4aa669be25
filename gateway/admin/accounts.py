"""Accounts of people: made, their passwords set and checked. Called by the login, the set-up and the command line."""

import time
from collections.abc import Mapping
from typing import Any

from gateway.access.passwords import Passwords, check_password
from gateway.access.setup import FirstAdmin
from gateway.admin.administration import Actor, Administration, Outcome
from gateway.admin.documents import UserDocument
from gateway.admin.kinds import given
from gateway.admin.users import ADMIN, PASSWORD, find_user, is_admin, named_user
from gateway.store.records import Record, Resource

_SET_AT = "password_at"
"""Sessions that began before this moment have ended."""


async def create_user(
    administration: Administration, passwords: Passwords, document: UserDocument, actor: Actor, dry_run: bool = False
) -> Outcome:
    """Raises InvalidRequest for a password that anybody could guess, Conflict for a name that is taken."""
    secrets = await password_secrets(passwords, document)
    return await administration.create(Resource.USERS, document, actor, dry_run, secrets)


async def password_secrets(passwords: Passwords, document: UserDocument) -> Mapping[str, str]:
    """What is stored of the document's password, and since when sessions hold: a new password and being switched off
    end those before."""
    secrets: dict[str, str] = {}
    if document.password is not None:
        password = document.password.get_secret_value()
        check_password(password, document.username)
        secrets[PASSWORD] = await passwords.hash(password)
    if secrets or not document.enabled:
        secrets[_SET_AT] = str(time.time())
    return secrets


async def change_user(
    administration: Administration, passwords: Passwords, named: str, changes: Mapping[str, Any], actor: Actor
) -> None:
    """A new password and being switched off end the user's sessions. `named` is an id or a name. Raises NotFound."""
    record = named_user(named, administration.directory)
    document = UserDocument.model_validate({**given(record, UserDocument), **changes})
    secrets = await password_secrets(passwords, document)
    await administration.replace(Resource.USERS, record.id, document, actor, None, secrets=secrets)


async def ensure_admin(administration: Administration, passwords: Passwords, wanted: FirstAdmin) -> None:
    """The administrator of UI_USERNAME exists and has this password."""
    actor, record = Actor("environment"), find_user(wanted.username, administration.directory)
    fields = {"username": wanted.username, PASSWORD: wanted.password, "role": ADMIN}
    if record is None:
        await create_user(administration, passwords, UserDocument.model_validate(fields), actor)
    elif not (await passwords.verify(record.secrets.get(PASSWORD), wanted.password))[0] or not is_admin(record):
        document = UserDocument.model_validate(given(record, UserDocument) | fields | {"enabled": True})
        secrets = await password_secrets(passwords, document)
        await administration.replace(Resource.USERS, record.id, document, actor, None, secrets=secrets)


async def log_in(administration: Administration, passwords: Passwords, username: str, password: str) -> Record | None:
    """The user, or None with one answer and one delay for whatever is wrong."""
    record = find_user(username, administration.directory)
    able = record is not None and record.document.get("enabled", True)
    right, _ = await passwords.verify(record.secrets.get(PASSWORD) if record and able else None, password)
    return record if right else None


def outlasts(began_at: float, record: Record) -> bool:
    """Whether a session that began then still holds for the user as he is now."""
    return bool(record.document.get("enabled", True)) and began_at >= float(record.secrets.get(_SET_AT, 0))
