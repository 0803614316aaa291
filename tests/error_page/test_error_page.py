from __future__ import annotations

import json
import re
from typing import get_args

import pytest

from django_autoreload_plus.protocol.failure import ChainLink, Failure, FailureKind, Frame
from django_autoreload_plus.records import replace
from django_autoreload_plus.supervisor.error_page.http import (
    BadRequestError,
    Request,
    host_allowed,
    parse_head,
    preferred,
)
from django_autoreload_plus.supervisor.error_page.respond import (
    PageContext,
    again,
    bare,
    failure_id,
    render,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
NASTY = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)> \ud800 \x00 \u2028"

OWN = Frame(
    path="/srv/project/polls/views.py",
    line=3,
    function="index",
    source=((2, "def index(request):"), (3, "    return rendr(request)")),
    own=True,
    columns=(11, 16),
)
LIBRARY = Frame(
    path="/srv/.venv/lib/python3.12/site-packages/django/urls/conf.py",
    line=9,
    function="include",
    source=((9, "    urlconf_module = import_module(urlconf_module)"),),
)
FAILURE = Failure(
    kind="exception",
    summary="NameError: name 'rendr' is not defined",
    text="Traceback (most recent call last):\n  …\nNameError: name 'rendr' is not defined\n",
    chain=(
        ChainLink("KeyError", "'first'", (OWN,)),
        ChainLink("NameError", "name 'rendr' is not defined", (LIBRARY, LIBRARY, OWN), "cause"),
    ),
    path=OWN.path,
    line=OWN.line,
    spot=OWN,
)


def ask(
    failure: Failure = FAILURE,
    context: PageContext | None = None,
    method: str = "GET",
    **headers: str,
) -> tuple[int, dict[str, str], str]:
    """Return status, headers and text of the answer to a request."""
    named = {"host": "localhost:8000", **{k.replace("_", "-"): v for k, v in headers.items()}}
    answer = render(failure, Request(method, "/polls/", named), context or PageContext())
    return answer.status, dict(answer.headers), answer.body.decode()


def test_a_browser_gets_a_page() -> None:
    """Otherwise the developer would see no more than "connection refused"."""
    status, headers, text = ask(accept=BROWSER)
    assert status == 500
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert "<title>/srv/project/polls/views.py:3: NameError: name &#x27;rendr&#x27;" in text
    assert 'data-copy="/srv/project/polls/views.py:3"' in text
    assert "return <mark>rendr</mark>(request)" in text
    assert "<details><summary>2 calls in django</summary>" in text
    assert text.index("KeyError") < text.index("It directly caused:") < text.rindex("NameError")


def test_places_of_ones_own_open_in_the_editor() -> None:
    """The path would have to be typed; or a path could put code of its own into the page."""
    href = 'href="x://?/srv/project/polls/views.py&amp;3&amp;12"'
    context = PageContext(editor="x://?{file}&{line}&{column}")
    text = ask(accept=BROWSER, context=context)[2]
    # In the heading and in both exceptions of the chain, but not for the library.
    assert text.count(href) == 3
    assert text.count("<a ") == 3
    assert "<a " not in ask(accept=BROWSER)[2]
    wicked = replace(FAILURE, path='/srv/"><script>alert(1)</script>.py', spot=None)
    text = ask(wicked, accept=BROWSER, context=context)[2]
    assert 'href="x://?/srv/%22%3E%3Cscript%3Ealert%281%29%3C/script%3E.py&amp;3&amp;1"' in text
    assert text.count("<script") == 1


def test_curl_gets_plain_text_whose_first_line_says_it() -> None:
    """Otherwise a terminal would be flooded with HTML."""
    for status, headers, text in (ask(accept="*/*"), ask()):
        assert status == 500
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        first, empty, *rest = text.split("\n")
        assert first == f"{OWN.path}:3: NameError: name 'rendr' is not defined"
        assert empty == ""
        assert "\n".join(rest) == FAILURE.text


def test_a_program_gets_json() -> None:
    """Otherwise a front end that expects JSON would fail with a riddle of its own."""
    _, headers, text = ask(accept="application/json")
    assert headers["Content-Type"].startswith("application/json")
    told = json.loads(text)
    assert told["path"] == OWN.path
    assert told["line"] == 3
    assert told["error"].endswith(FAILURE.summary)
    assert told["chain"][1]["frames"][2]["source"][1] == [3, "    return rendr(request)"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (BROWSER, "text/html"),
        ("text/html", "text/html"),
        ("*/*", "text/plain"),
        ("", "text/plain"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/vnd.api+json", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("text/*", "text/plain"),
        ("application/*", "application/json"),
        ("image/avif,image/webp,*/*;q=0.8", "text/plain"),
        ("text/html, */*; q=0.01", "text/html"),
        ("text/html;q=0, application/json;q=0.1", "application/json"),
        ("text/event-stream", "text/plain"),
        ("text/html;q=nonsense", "text/plain"),
        (",;,;q==,", "text/plain"),
    ],
)
def test_the_accept_header_decides(accept: str, expected: str) -> None:
    """Otherwise some client would get a form it cannot read."""
    assert preferred(accept, ("text/plain", "text/html", "application/json")) == expected


@pytest.mark.parametrize(
    ("host", "patterns", "allowed"),
    [
        ("localhost", (), "yes"),
        ("localhost:8000", (), "yes"),
        ("LOCALHOST.:8000", (), "yes"),
        ("shop.localhost:8000", (), "yes"),
        ("127.0.0.1:8000", (), "yes"),
        ("[::1]:8000", (), "yes"),
        ("evil.example", (), "no"),
        ("localhost.evil.example", (), "no"),
        ("notlocalhost", (), "no"),
        ("127.0.0.1.evil.example", (), "no"),
        ("", (), "no"),
        ("localhost@evil.example", (), "no"),
        ("local host", (), "no"),
        ("anything.example", ("*",), "yes"),
        ("bad host", ("*",), "no"),
        ("www.Example.com", (".example.COM",), "yes"),
        ("example.com", (".example.com",), "yes"),
        ("badexample.com", (".example.com",), "no"),
        ("localhost", ("example.com",), "no"),
    ],
)
def test_only_allowed_hosts_see_the_page(
    host: str, patterns: tuple[str, ...], allowed: str
) -> None:
    """Otherwise a foreign site could read source code by rebinding its name."""
    assert host_allowed(host, patterns) is (allowed == "yes")
    _, _, text = ask(context=PageContext(allowed_hosts=patterns), host=host)
    assert ("NameError" in text) is (allowed == "yes")


@pytest.mark.parametrize("accept", [BROWSER, "*/*", "application/json"])
def test_without_debug_there_is_nothing_to_see(accept: str) -> None:
    """Otherwise a server without DEBUG would show its source."""
    status, headers, text = ask(context=PageContext(debug=False), accept=accept)
    assert status == 500
    assert headers["Cache-Control"] == "no-store"
    assert text == bare(500).body.decode()
    assert "NameError" not in text
    assert "autoreload" not in text.lower()


@pytest.mark.parametrize("accept", [BROWSER, "*/*", "application/json"])
def test_everything_is_escaped(accept: str) -> None:
    """Otherwise a message or a file name could run a script in the browser."""
    frame = Frame(f"/srv/{NASTY}.py", 1, NASTY, ((1, NASTY),), own=True, columns=(3, 9))
    links = (
        ChainLink(NASTY, NASTY, (frame, replace(frame, own=False))),
        ChainLink(NASTY, f"{NASTY}\n{NASTY}", (), "cause"),
    )
    for chain in (links, links[:1], ()):
        nasty = Failure("exception", NASTY, NASTY, chain, frame.path, 1, frame)
        _, headers, text = ask(nasty, accept=accept)
        if "html" in headers["Content-Type"]:
            assert text.count("<script") == 1
            assert "<img" not in text
            assert text.count("</script>") == 1


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """Otherwise it would be broken without a network, and could leak what it shows."""
    _, headers, text = ask(accept=BROWSER)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
    assert nonce is not None
    assert text.count(f'nonce="{nonce[1]}"') == 2
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    assert not re.search(r"\bon\w+=|\bstyle=|\beval\(", text)
    assert nonce[1] not in ask(accept=BROWSER)[1]["Content-Security-Policy"]


@pytest.mark.parametrize("accept", [BROWSER, "*/*", "application/json"])
def test_secrets_in_messages_are_masked(accept: str) -> None:
    """Otherwise a database password in a message would be on the page."""
    words = "cannot connect to postgres://me:hunter2@db/name with password='hunter2'"
    failure = Failure("exception", words, words, (ChainLink("Error", words, (OWN,)),))
    assert "hunter2" not in ask(failure, accept=accept)[2]


def test_the_answer_to_a_form_says_that_it_is_not_sent_again() -> None:
    """Otherwise an order could be placed twice by a page that reloads itself."""
    assert "data-by-get" in ask(method="POST", accept=BROWSER)[2]
    assert "not sent a second time" in ask(method="POST", accept=BROWSER)[2]
    assert "data-by-get>" not in ask(accept=BROWSER)[2]


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_a_failure_without_frames_shows_its_text(kind: FailureKind) -> None:
    """Otherwise a crash or a failed check would be an empty page."""
    text = ask(Failure(kind, "It failed", "The whole <story>\n"), accept=BROWSER)[2]
    assert "It failed" in text
    assert "The whole &lt;story&gt;" in text


def test_a_multi_line_message_is_shown_whole() -> None:
    """Otherwise only the first line of a library's explanation would be seen."""
    failure = replace(FAILURE, chain=(ChainLink("ValueError", "first\nsecond line", (OWN,)),))
    assert "second line" in ask(failure, accept=BROWSER)[2]


def test_a_huge_failure_stays_a_readable_page() -> None:
    """Otherwise a message of a megabyte would freeze the browser."""
    huge = "x" * 1_000_000
    failure = Failure("exception", huge[:300], huge, (ChainLink("E", huge, (OWN,)),) * 2)
    assert len(ask(failure, accept=BROWSER)[2]) < 500_000


def test_equal_failures_have_equal_names() -> None:
    """Otherwise every save would make an open page flicker."""
    context = PageContext()
    assert failure_id(FAILURE, context) == failure_id(replace(FAILURE), context)
    assert failure_id(FAILURE, context) != failure_id(replace(FAILURE, line=4), context)
    assert failure_id(FAILURE, context) != failure_id(FAILURE, PageContext(debug=False))


@pytest.mark.parametrize(
    ("target", "location"),
    [("/a?b=c", "/a?b=c"), ("//evil.example/", "/evil.example/"), ("http://x/", "/"), ("*", "/")],
)
def test_asking_again_leads_to_the_same_place(target: str, location: str) -> None:
    """Otherwise a request caught between two processes could be sent to a foreign site."""
    headers = dict(again(Request("GET", target, {})).headers)
    assert headers["Location"] == location


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET",
        b"GET /",
        b"GET / HTTP/2.0",
        b"GET  / HTTP/1.1",
        b"G\x00T / HTTP/1.1",
        b"GET /\rX: y HTTP/1.1",
        b"GET / HTTP/1.1\r\nno colon",
        b"GET / HTTP/1.1\r\n: empty",
        b"GET / HTTP/1.1\r\nbad name: x",
        bytes(range(256)),
    ],
)
def test_garbage_is_no_request(head: bytes) -> None:
    """Otherwise nonsense on the port could confuse the supervisor."""
    with pytest.raises(BadRequestError):
        parse_head(head)


def test_a_request_is_read() -> None:
    """Otherwise no header would have an effect."""
    request = parse_head(b"POST /x?y=%20 HTTP/1.0\r\nHost:  a \r\nAccept: b\r\naccept: c")
    assert request == Request("POST", "/x?y=%20", {"host": "a", "accept": "b, c"})
