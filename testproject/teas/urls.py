"""Addresses of the tea room."""

from django.urls import path

from teas import views

app_name = "teas"

urlpatterns = [
    path("", views.menu, name="menu"),
    path("tea/<slug:slug>/", views.tea, name="tea"),
    path("pairing/<slug:slug>/", views.pairing, name="pairing"),
    path("greeting/", views.greeting, name="greeting"),
    path("brew/", views.brew, name="brew"),
    path("kettle/", views.kettle, name="kettle"),
    path("kettle/steam/", views.steam, name="steam"),
    path("version/", views.version, name="version"),
    path("process/", views.process, name="process"),
]
