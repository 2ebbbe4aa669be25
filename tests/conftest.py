"""Fixtures that every test may use."""

from tests.fakes.fixtures import other_upstream, upstream, upstream_server

__all__ = ["other_upstream", "upstream", "upstream_server"]
