"""Log in, log out, the first account, and the sessions of a person."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr

from gateway.access.cookies import check_origin, csrf_token, read_cookie, set_cookie
from gateway.admin.accounts import create_user, log_in
from gateway.admin.administration import Actor
from gateway.admin.documents import UserDocument
from gateway.admin.users import ADMIN, has_admin, is_admin
from gateway.api.admin.identity import Person, address_of, identify_person, person, secure
from gateway.api.services import services
from gateway.errors import NotFound, Unauthenticated
from gateway.store.records import Audit, Record, Resource

router = APIRouter(tags=["session"])
LoggedIn = Annotated[Person, Depends(person)]


class Login(BaseModel):
    username: str = Field(max_length=256, examples=["ada"])
    password: SecretStr


class Setup(Login):
    token: str = Field(max_length=256, description="The one-time token from the console of the first start.")


class UserSummary(BaseModel):
    id: str
    username: str
    role: str


class SessionView(BaseModel):
    """`user` is null for nobody and for the master key; `setup_required`: there is no administrator yet."""

    setup_required: bool
    role: str | None = None
    user: UserSummary | None = None
    csrf_token: str = Field("", description="Sent as X-CSRF-Token with every change.")


class SetupDone(SessionView):
    master_key: str = Field(description="Shown this once.")


class OpenSession(BaseModel):
    id: str
    current: bool
    created_at: datetime
    last_seen: datetime
    address: str
    agent: str


@router.get("/api/session", response_model=SessionView, summary="Who is logged in")
async def read_session(request: Request) -> SessionView:
    """Open to all."""
    required = not has_admin(services(request).administration.directory)
    try:
        found = await identify_person(request, "GET")
    except Unauthenticated:
        found = None
    if found is None:
        return SessionView(setup_required=required)
    return SessionView(setup_required=required, role=found.role, user=_user(found.record), csrf_token=found.csrf_token)


@router.post("/api/admin/login", response_model=SessionView, summary="Log in as an administrator")
async def log_in_admin(request: Request, body: Login, response: Response) -> SessionView:
    return await _log_in(request, body, response, admins_only=True)


@router.post("/api/user/login", response_model=SessionView, summary="Log in")
async def log_in_user(request: Request, body: Login, response: Response) -> SessionView:
    return await _log_in(request, body, response, admins_only=False)


@router.post("/api/admin/logout", status_code=204, summary="Log out")
@router.post("/api/user/logout", status_code=204, summary="Log out", include_in_schema=False)
async def log_out(request: Request, who: LoggedIn) -> Response:
    await services(request).sessions.end(who.token)
    return Response(status_code=204, headers={"set-cookie": set_cookie("", secure(request))})


@router.post("/api/admin/setup", response_model=SetupDone, summary="Make the first administrator")
async def set_up(request: Request, body: Setup, response: Response) -> SetupDone:
    known = services(request)
    check_origin("POST", request.headers, known.origins)
    await known.throttle.attempt("setup", address_of(request))
    directory = known.administration.directory
    known.setup.check(body.token, has_admin(directory))
    document = UserDocument(username=body.username, password=body.password, role=ADMIN)
    outcome = await create_user(known.administration, known.passwords, document, Actor("set-up", address_of(request)))
    known.setup.spend()
    assert outcome.view is not None
    record = known.administration.directory.table(Resource.USERS)[outcome.view.id]
    token = await _begin(request, response, record)
    return SetupDone(
        setup_required=False,
        role=ADMIN,
        user=_user(record),
        csrf_token=csrf_token(token),
        master_key=directory.base.master_key,
    )


@router.get("/api/user/sessions", response_model=list[OpenSession], summary="List one's own sessions")
async def list_sessions(request: Request, who: LoggedIn) -> list[OpenSession]:
    known = services(request)
    if who.record is None:
        return []
    current = await known.sessions.find(who.token)
    return [
        OpenSession(
            id=one.digest[:16],
            current=current is not None and one.digest == current.digest,
            created_at=datetime.fromtimestamp(one.created_at, UTC),
            last_seen=datetime.fromtimestamp(one.last_seen, UTC),
            address=one.address,
            agent=one.agent,
        )
        for one in await known.sessions.listed(who.record.id)
    ]


@router.delete("/api/user/sessions/{id}", status_code=204, summary="End one of one's own sessions")
async def end_session(request: Request, who: LoggedIn, id: str) -> Response:
    if who.record is None or not await services(request).sessions.revoke(id, who.record.id):
        raise NotFound(f"There is no session '{id}'.")
    return Response(status_code=204)


async def _log_in(request: Request, body: Login, response: Response, *, admins_only: bool) -> SessionView:
    """One text and one delay, whatever is wrong."""
    known, address = services(request), address_of(request)
    check_origin("POST", request.headers, known.origins)
    await known.throttle.attempt(body.username, address)
    record = await log_in(known.administration, known.passwords, body.username, body.password.get_secret_value())
    if record is None or (admins_only and not is_admin(record)):
        raise Unauthenticated("Wrong user name or password.", code="invalid_login")
    await known.throttle.succeeded(body.username, address)
    token = await _begin(request, response, record)
    return SessionView(
        setup_required=False, role=_user_of(record).role, user=_user(record), csrf_token=csrf_token(token)
    )


async def _begin(request: Request, response: Response, record: Record) -> str:
    """A session with its cookie in the place of the one that the browser had, and a line in the audit log."""
    known, user, address = services(request), _user_of(record), address_of(request)
    before = read_cookie(request.headers.get("cookie", ""), secure(request))
    agent = request.headers.get("user-agent", "")
    token, _ = await known.sessions.begin(user.id, user.role, address, agent, before)
    await known.store.write((), Audit(user.username, "login", "users", user.id, address=address))
    response.headers["set-cookie"] = set_cookie(token, secure(request))
    return token


def _user_of(record: Record) -> UserSummary:
    return UserSummary(id=record.id, username=record.document["username"], role=record.document.get("role", "user"))


def _user(record: Record | None) -> UserSummary | None:
    return _user_of(record) if record else None
