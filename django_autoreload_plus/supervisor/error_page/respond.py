"""The answer to a browser, ``curl`` or a program while the code cannot start."""

from __future__ import annotations

import hashlib
import http
import json
import secrets
from typing import TYPE_CHECKING

from ...failure.from_process import headline
from ...failure.masking import mask_secrets
from ...records import asdict, dataclass, replace
from .html import Page, html_page
from .http import Response, host_allowed, preferred

if TYPE_CHECKING:
    from ...protocol.failure import Failure
    from .http import Request

#: The page's script asks here whether it should load itself again.
WAIT_PATH = "/__autoreload_plus__/wait"
#: Answers of this path carry it, so that the script can tell them from the
#: answers of the new code.
WAIT_HEADER = "X-Autoreload-Plus"

#: ``curl`` and other clients without a wish get the first one.
_TYPES = ("text/plain", "text/html", "application/json")
_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
)


@dataclass(frozen=True)
class PageContext:
    """Who may see the page: the same people who would see Django's debug page."""

    debug: bool = True
    #: As in ``ALLOWED_HOSTS``; empty: the names of the local machine.
    allowed_hosts: tuple[str, ...] = ()
    #: The template of the links that open a file, see :mod:`django_autoreload_plus.editors`.
    editor: str = ""


def failure_id(failure: Failure, context: PageContext) -> str:
    """A name of what the page shows: equal pages, equal names."""
    shown = repr((failure, context)).encode("utf-8", "backslashreplace")
    return hashlib.sha256(shown).hexdigest()[:16]


def render(failure: Failure, request: Request, context: PageContext) -> Response:
    """The answer to ``request``, with status 500.

    HTML, plain text or JSON by the ``Accept`` header; without the failure
    where Django's debug page would not be shown.
    """
    if not context.debug or not may_see(request, context):
        return bare(500)
    name = failure_id(failure, context)
    failure = masked(failure)
    kind = preferred(request.headers.get("accept", "*/*"), _TYPES)
    if kind == "text/html":
        return _html(failure, request, name, context.editor)
    if kind == "application/json":
        return _response(500, kind, json.dumps(_as_json(failure, name), indent=2) + "\n")
    return _response(500, kind, f"{headline(failure)}\n\n{failure.text}")


def may_see(request: Request, context: PageContext) -> bool:
    """Whether the request names a host that the settings allow."""
    return host_allowed(request.headers.get("host", ""), context.allowed_hosts)


def masked(failure: Failure) -> Failure:
    """``failure`` without secrets in what the user's code has said."""
    chain = tuple(replace(link, message=mask_secrets(link.message)) for link in failure.chain)
    return replace(
        failure,
        summary=mask_secrets(failure.summary),
        text=mask_secrets(failure.text),
        chain=chain,
    )


def bare(status: int) -> Response:
    """An answer with nothing but its status: no detail of the project."""
    name = http.HTTPStatus(status).phrase
    body = f"<!doctype html>\n<title>{name}</title>\n<h1>{name} ({status})</h1>\n"
    return _response(status, "text/html", body)


def again(request: Request) -> Response:
    """The advice to ask once more, on a new connection: the code is there."""
    where = request.target if request.target.startswith("/") else "/"
    # More than one slash would name another host.
    where = "/" + where.lstrip("/\\")
    answer = _response(307, "text/plain", "The new code is live: please ask again.\n")
    return replace(answer, headers=(*answer.headers, ("Location", where)))


def wait_answer(state: str, name: str = "", *, retry: float = 0.0) -> Response:
    """What the page's script is told.

    ``state`` is ``"live"``, ``"failed"`` (``name`` says with what) or
    ``"same"``; ``retry`` is how many seconds to wait before asking again.
    """
    body = json.dumps({"state": state, "id": name, "retry": retry})
    answer = _response(200, "application/json", body)
    return replace(answer, headers=(*answer.headers, (WAIT_HEADER, state)))


def _html(failure: Failure, request: Request, name: str, editor: str) -> Response:
    nonce = secrets.token_urlsafe(16)
    policy = (
        "default-src 'none'; "
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    again_by_get = request.method not in {"GET", "HEAD"}
    wait = f"{WAIT_PATH}?seen={name}"
    page = Page(failure, editor)
    body = html_page(page, nonce=nonce, wait=wait, again_by_get=again_by_get)
    answer = _response(500, "text/html", body)
    extra = (("Content-Security-Policy", policy), ("Vary", "Accept"))
    return replace(answer, headers=(*answer.headers, *extra))


def _as_json(failure: Failure, name: str) -> dict[str, object]:
    return {"error": headline(failure), "id": name, **asdict(failure)}


def _response(status: int, kind: str, text: str) -> Response:
    headers = (("Content-Type", f"{kind}; charset=utf-8"), *_ALWAYS)
    # Paths and messages may hold halves of surrogate pairs, which UTF-8 has no bytes for.
    return Response(status, headers, text.encode("utf-8", "backslashreplace"))
