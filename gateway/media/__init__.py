"""Untrusted media: fetched, measured and turned into pages without trusting a byte of it."""
