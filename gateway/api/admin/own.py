"""What every person may do: read the own account, change the password, keep keys of one's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, SecretStr

from gateway.admin.accounts import password_secrets
from gateway.admin.administration import KINDS
from gateway.admin.documents import ApiKeyDocument, UserDocument
from gateway.admin.kinds import given
from gateway.admin.views import ApiKeyView, UserView
from gateway.api.admin.changes import Deleted, changed
from gateway.api.admin.counted import with_counts
from gateway.api.admin.identity import Person, person
from gateway.api.admin.lists import Page
from gateway.api.services import services
from gateway.errors import Forbidden, InvalidRequest, NotFound
from gateway.store.records import Record, Resource

router = APIRouter(prefix="/api/user", tags=["own account"])
LoggedIn = Annotated[Person, Depends(person)]


class PasswordChange(BaseModel):
    current: SecretStr
    new: SecretStr


@router.get("/me", summary="Read one's own account")
async def read_me(request: Request, who: LoggedIn) -> UserView:
    record, known = _account(who), services(request)
    (found,) = await with_counts([KINDS[Resource.USERS].view(record.id, known.administration.directory)], known)
    assert isinstance(found, UserView)
    return found


@router.post("/password", status_code=204, summary="Change one's own password")
async def change_password(request: Request, who: LoggedIn, body: PasswordChange) -> Response:
    """All sessions end, this one too."""
    known, record = services(request), _account(who)
    await known.throttle.attempt(record.document["username"], who.actor.address)
    right, _ = await known.passwords.verify(record.secrets.get("password"), body.current.get_secret_value())
    if not right:
        raise InvalidRequest("That is not the current password.", param="current")
    document = UserDocument.model_validate(given(record, UserDocument) | {"password": body.new.get_secret_value()})
    secrets = await password_secrets(known.passwords, document)
    await known.administration.replace(Resource.USERS, record.id, document, who.actor, None, secrets=secrets)
    await known.sessions.end_all(record.id)
    return Response(status_code=204)


@router.get("/keys", summary="List one's own keys")
async def list_keys(request: Request, who: LoggedIn) -> Page[ApiKeyView]:
    known, owner = services(request), _account(who).id
    kind, directory = KINDS[Resource.APIKEYS], known.administration.directory
    mine = [key.id for key in directory.table(Resource.APIKEYS).values() if key.document.get("user_id") == owner]
    data = await with_counts([kind.view(id, directory) for id in mine], known)
    return Page(data=data, total=len(data), limit=len(data), offset=0)


@router.post("/keys", status_code=201, summary="Make a key of one's own")
async def create_key(request: Request, who: LoggedIn, body: ApiKeyDocument, response: Response) -> ApiKeyView:
    """It may use what its owner may; it is shown once. Stored bodies and limits are for administrators to set."""
    owner = _account(who)
    mine = body.model_copy(update={"user_id": owner.id, "store_bodies": False})
    mine.model_fields_set.update({"user_id", "store_bodies"})
    outcome = await services(request).administration.create(Resource.APIKEYS, mine, who.actor)
    view: ApiKeyView = changed(outcome, response)
    return view


@router.delete("/keys/{id}", summary="Delete one of one's own keys")
async def delete_key(request: Request, who: LoggedIn, id: str) -> Deleted:
    known, owner = services(request), _account(who)
    record = known.administration.directory.table(Resource.APIKEYS).get(id)
    if record is None or record.document.get("user_id") != owner.id:
        raise NotFound(f"There is no key '{id}' of yours.")
    await known.administration.delete(Resource.APIKEYS, id, who.actor, None, cascade=False)
    return Deleted(id=id)


def _account(who: Person) -> Record:
    """Raises Forbidden for the master key, which is nobody's account."""
    if who.record is None:
        raise Forbidden("The master key has no account of its own: log in.")
    return who.record
