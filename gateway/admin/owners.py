"""Whose something is that a key made: the key by its name, and the user it belongs to. Used by `api` and `cli`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

from gateway.admin.apikeys import ApiKeys
from gateway.admin.directory import Directory
from gateway.store.records import Resource

_FOUND_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Owner:
    """A key; of one that is gone only its id is known."""

    key_id: str
    key_name: str = ""
    user_id: str = ""
    username: str = ""


class Owners:
    """All keys that there are now."""

    def __init__(self, directory: Directory) -> None:
        users = directory.table(Resource.USERS)
        names = {id: str(user.document["username"]) for id, user in users.items()}
        self._owners: dict[str, Owner] = {}
        for key in ApiKeys().summaries(directory):
            user_id = str(key.get("user_id") or "")
            self._owners[key["id"]] = Owner(key["id"], str(key["name"]), user_id, names.get(user_id, ""))

    def of(self, key_id: str) -> Owner:
        return self._owners.get(key_id) or Owner(key_id)

    def chosen(self, key_ids: Collection[str], user_ids: Collection[str]) -> list[str] | None:
        """The ids of keys that are both one of these and of one of these users; None where neither is named. A key
        that is gone can be named too."""
        if not user_ids:
            return list(key_ids) or None
        of_users = [one.key_id for one in self._owners.values() if one.user_id in user_ids]
        return [id for id in of_users if id in key_ids] if key_ids else of_users

    def named(self, text: str) -> list[str]:
        """The ids of keys whose name, or whose user's, contains a text in any case; the first thousand."""
        return list(islice(self._named(text.lower()), _FOUND_AT_MOST)) if text else []

    def _named(self, text: str) -> Iterator[str]:
        for one in self._owners.values():
            if text in one.key_name.lower() or text in one.username.lower():
                yield one.key_id
