"""Pages of the tea room, and a few that show what the server is doing."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from teas.forms import TastingForm
from teas.models import Tea

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.http import HttpRequest

# Edit me, save, and look at /version/.
VERSION = "1"

IMPORTED_AT = time.time_ns()
LONGEST_BREW = 600.0


def menu(request: HttpRequest) -> HttpResponse:
    """Show all teas."""
    return render(request, "teas/menu.html", {"teas": Tea.objects.all()})


def tea(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one tea and its tastings, and take a new tasting."""
    tea = get_object_or_404(Tea, slug=slug)
    form = TastingForm(request.POST or None)
    if form.is_valid():
        form.instance.tea = tea
        form.save()
        return redirect(tea)
    return render(request, "teas/tea.html", {"tea": tea, "form": form})


def pairing(request: HttpRequest, slug: str) -> HttpResponse:
    """Suggest a bite; the module that knows is imported only now."""
    from teas.pairings import pairing_for

    tea = get_object_or_404(Tea, slug=slug)
    return HttpResponse(f"{tea}: {pairing_for(tea.origin)}", content_type="text/plain")


def greeting(request: HttpRequest) -> HttpResponse:
    """Greet in the guest's language."""
    return render(request, "teas/greeting.html", {"greeting": _("Good afternoon!")})


def brew(request: HttpRequest) -> HttpResponse:
    """Answer after ``?seconds=``."""
    seconds = min(float(request.GET.get("seconds", "3")), LONGEST_BREW)
    time.sleep(seconds)
    return HttpResponse(f"brewed for {seconds:g} s by {os.getpid()}", content_type="text/plain")


def kettle(request: HttpRequest) -> HttpResponse:
    """Show the stream of :func:`steam`."""
    return render(request, "teas/kettle.html")


def steam(request: HttpRequest) -> StreamingHttpResponse:
    """Send an event every ``?interval=`` seconds, without end."""
    interval = float(request.GET.get("interval", "1"))
    puffs = puff_async(interval) if isinstance(request, ASGIRequest) else puff(interval)
    return StreamingHttpResponse(
        puffs, content_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


def puff(interval: float) -> Iterator[str]:
    """Yield events for a server that gives each request a thread."""
    number = 0
    while True:
        number += 1
        yield steam_event(number)
        time.sleep(interval)


async def puff_async(interval: float) -> AsyncIterator[str]:
    """Yield events for an ASGI server."""
    number = 0
    while True:
        number += 1
        yield steam_event(number)
        await asyncio.sleep(interval)


def steam_event(number: int) -> str:
    """Return one server-sent event."""
    return f"data: puff {number}, version {VERSION}, process {os.getpid()}\n\n"


def version(request: HttpRequest) -> HttpResponse:
    """Show which code is answering."""
    return HttpResponse(f"version {VERSION}", content_type="text/plain")


def process(request: HttpRequest) -> JsonResponse:
    """Show which process is answering, and when its code was imported."""
    return JsonResponse({"pid": os.getpid(), "imported_at": IMPORTED_AT, "version": VERSION})
