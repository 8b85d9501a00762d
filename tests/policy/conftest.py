"""Properties are tried without a deadline per example: how busy a machine is says nothing about access."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("coterie", deadline=None)
settings.load_profile("coterie")
