"""Adds to FastAPI's OpenAPI document what FastAPI knows nothing of: inference, and who may ask for what.

Imported when somebody asks for the document; by `api.pages`.
"""

from typing import Any

from gateway.access.cookies import cookie_name
from gateway.api.openapi_inference import DESCRIPTIONS, JSON
from gateway.api.openapi_schemas import Description, Schema
from gateway.openai_api.operations import OPERATIONS

_KEYS: list[Schema] = [{"bearer": []}, {"api_key": []}]
_SCHEMES: dict[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of this gateway; the master key for administration, METRICS_TOKEN for the metrics.",
    },
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key in its other header."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie_name(secure=False),
        "description": f"What a login sets; over TLS it is named {cookie_name(secure=True)}.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "Goes with the cookie on every change; logins and /api/session tell it.",
    },
}
_OPEN = frozenset(
    (
        *("/health", "/ready", "/live", "/api/health", "/warmup/status", "/logos/{key}.svg"),
        *("/api/session", "/api/admin/login", "/api/user/login", "/api/admin/setup"),
    )
)
_METRICS = frozenset({"/metrics", "/stats"})
"""Without a token they are for this machine."""
_KNOWN = frozenset(
    (
        *("/catalog/models/{id}/raw", "/catalog/report", "/catalog/diff"),
        *("/api/cache/status", "/api/export/data"),
    )
)
"""For whoever has a key or a login. What else there is of the catalog shows strangers less."""
_PEOPLE = ("/api/admin/", "/api/user/", "/api/cache", "/catalog/refresh", "/catalog/webhooks")
_CATALOG = ("/catalog/", "/api/models")

_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "The field at fault."},
                "code": {"type": ["string", "null"], "description": "For programs."},
            },
            "additionalProperties": True,
        }
    },
    "examples": [
        {
            "error": {
                "message": "The model 'gpt-xx' does not exist.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_found",
            }
        }
    ],
}
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
"""Of answers with status 422, instead of which all pages answer 400 in the shape of all errors."""
_FAILURES = {
    "400": "A field is missing or wrong: `param` names it.",
    "401": "No valid key.",
    "402": "A budget, or the provider's quota, is spent.",
    "403": "The key may not use this model or endpoint, or confidentiality forbids it.",
    "404": "No such model.",
    "408": "The body came too slowly.",
    "413": "The body or a file is too large.",
    "415": "A content type, or a compression, that is not taken here.",
    "429": "Too much at a time: `Retry-After` says when to try again.",
    "500": "The gateway failed.",
    "502": "The provider failed.",
    "503": "Nobody can answer now, such as while an engine loads.",
    "504": "The provider was silent for too long.",
    "default": "What else there is, such as what the provider finds wrong, with its status.",
}


def complete(document: dict[str, Any]) -> None:
    """Changes FastAPI's document in place."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if (security := _security(method, path)) is not None:
                operation["security"] = security
            if operation["responses"].pop("422", None) is not None:
                operation["responses"].setdefault("400", {"$ref": f"#/components/responses/{_name('400')}"})
    inference = {path: {"post": _operation(path, one)} for path, one in DESCRIPTIONS.items()}
    document["paths"] = {**inference, **document["paths"]}
    parts = document["components"]
    for name in _FASTAPIS_OWN:
        parts["schemas"].pop(name, None)
    parts["schemas"]["Error"] = _ERROR
    parts["responses"] = {_name(status): _failure(text) for status, text in _FAILURES.items()}
    parts["securitySchemes"] = _SCHEMES
    document["security"] = _KEYS


def _security(method: str, path: str) -> list[Schema] | None:
    """Of a path of FastAPI's; None for those that take any key, as the document says of itself."""
    session: Schema = {"session": []} if method == "get" else {"session": [], "csrf": []}
    if path in _OPEN:
        return []
    if path in _METRICS:
        return [{"bearer": []}, {}]
    if path in _KNOWN:
        return [*_KEYS, session]
    if path.startswith(_PEOPLE):
        return [{"bearer": []}, session]
    return [*_KEYS, session, {}] if path.startswith(_CATALOG) else None


def _operation(path: str, described: Description) -> Schema:
    operation = OPERATIONS.get(path)
    required = [*described.required, *(operation.required if operation else ())]
    body: Schema = {JSON: {"schema": _fields(described.fields, required), "example": described.example}}
    if described.form:
        needed = [described.file, *required]
        body["multipart/form-data"] = {"schema": _fields(described.form, needed)}
    answers = {media_type: {"schema": schema} for media_type, schema in described.answers.items()}
    return {
        "tags": ["inference"],
        "summary": described.summary,
        "description": described.text,
        "operationId": operation.name.replace(".", "_") if operation else path.rpartition("/")[2],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "The answer.", "content": answers},
            "202": {
                "description": "`Prefer: respond-async` made a job of it, to be asked for at `Location`.",
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/JobView"}}},
            },
            **{status: {"$ref": f"#/components/responses/{_name(status)}"} for status in _FAILURES},
        },
    }


def _fields(properties: dict[str, Schema], required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": True}


def _name(status: str) -> str:
    return f"Error{status.title()}"


def _failure(text: str) -> Schema:
    return {"description": text, "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}
