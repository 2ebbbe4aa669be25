"""Create, read, replace and delete, the same for every resource. The routes of `providers`, `models`, `apikeys`,
`users` and `settings` are made here."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response

from gateway.admin.accounts import password_secrets
from gateway.admin.administration import KINDS
from gateway.admin.documents import ApiKeyDocument, ModelDocument, ProviderDocument, SettingDocument, UserDocument
from gateway.admin.views import ApiKeyView, ModelView, ProviderView, SettingView, UserView, View
from gateway.api.admin.changes import Cascade, Deleted, DryRun, IfMatch, Preview, based_on, changed, dependents
from gateway.api.admin.counted import with_counts
from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.lists import Page, Paging, cut
from gateway.api.services import Services, services
from gateway.store.records import Resource

_ONE = "/{id:path}"
V = TypeVar("V", bound=View)
Keep = Callable[[Services, Any], Awaitable[Mapping[str, str]]]
Admin = Annotated[Person, Depends(administrator)]


async def _nothing(known: Services, document: Any) -> Mapping[str, str]:
    return {}


async def _password(known: Services, document: UserDocument) -> Mapping[str, str]:
    return await password_secrets(known.passwords, document)


def resource_router(resource: Resource, document: type[Any], view: type[V], keep: Keep = _nothing) -> APIRouter:
    """`GET`, `POST` on the collection; `GET`, `PUT`, `DELETE` on one, whose id may contain slashes.

    `keep` makes of a document what is stored as a secret.
    """
    router = APIRouter(prefix=f"/api/admin/{resource}", tags=[resource])
    _add_reads(router, resource, view)
    _add_writes(router, resource, document, view, keep)
    _add_delete(router, resource)
    return router


def _add_reads(router: APIRouter, resource: Resource, view: type[V]) -> None:
    kind = KINDS[resource]

    async def list_all(
        request: Request,
        _: Admin,
        paging: Annotated[Paging, Depends()],
        enabled: bool | None = None,
        type: str | None = None,
        user_id: str | None = None,
    ) -> Any:
        known = services(request)
        directory = known.administration.directory
        filters = {"enabled": enabled, "type": type, "user_id": user_id}
        page, total = cut(kind.summaries(directory), paging, filters)
        data = await with_counts([kind.view(one["id"], directory) for one in page], known)
        return Page(data=data, total=total, limit=paging.limit, offset=paging.offset)

    async def read(request: Request, _: Admin, id: str, response: Response) -> Any:
        known = services(request)
        (found,) = await with_counts([known.administration.view(resource, id)], known)
        response.headers["etag"] = f'"{found.version}"'
        return found

    router.get("", response_model=Page[view], summary=f"List {kind.noun}s")(list_all)  # type: ignore[valid-type]
    router.get(_ONE, response_model=view, summary=f"Read a {kind.noun}")(read)


def _add_writes(router: APIRouter, resource: Resource, document: type[Any], view: type[V], keep: Keep) -> None:
    async def create(request: Request, person: Admin, body: Any, response: Response, dry_run: DryRun = False) -> Any:
        known = services(request)
        secrets = await keep(known, body)
        outcome = await known.administration.create(resource, body, person.actor, dry_run, secrets)
        response.status_code = 200 if dry_run else 201
        return changed(outcome, response)

    async def replace(
        request: Request,
        person: Admin,
        id: str,
        body: Any,
        response: Response,
        dry_run: DryRun = False,
        if_match: IfMatch = None,
    ) -> Any:
        known, version = services(request), based_on(if_match)
        secrets = await keep(known, body)
        outcome = await known.administration.replace(resource, id, body, person.actor, version, dry_run, secrets)
        return changed(outcome, response)

    create.__annotations__["body"] = replace.__annotations__["body"] = document
    noun = KINDS[resource].noun
    if resource is not Resource.SETTINGS:
        router.post("", response_model=view | Preview, status_code=201, summary=f"Add a {noun}")(create)
    router.put(_ONE, response_model=view | Preview, summary=f"Replace a {noun}")(replace)


def _add_delete(router: APIRouter, resource: Resource) -> None:
    async def delete(
        request: Request,
        person: Admin,
        id: str,
        dry_run: DryRun = False,
        cascade: Cascade = False,
        if_match: IfMatch = None,
    ) -> Any:
        administration = services(request).administration
        outcome = await administration.delete(resource, id, person.actor, based_on(if_match), cascade, dry_run)
        if outcome.dry_run:
            return Preview(changes=outcome.changes, dependents=dependents(outcome))
        return Deleted(id=id, restored=outcome.view is not None, dependents=dependents(outcome))

    router.delete(_ONE, response_model=Deleted | Preview, summary=f"Delete a {KINDS[resource].noun}")(delete)


ROUTERS = (
    resource_router(Resource.PROVIDERS, ProviderDocument, ProviderView),
    resource_router(Resource.MODELS, ModelDocument, ModelView),
    resource_router(Resource.APIKEYS, ApiKeyDocument, ApiKeyView),
    resource_router(Resource.USERS, UserDocument, UserView, _password),
    resource_router(Resource.SETTINGS, SettingDocument, SettingView),
)
