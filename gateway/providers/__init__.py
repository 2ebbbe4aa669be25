"""Upstreams: what is configured (`Provider`), how each dialect is spoken (`ProviderAdapter`), and the HTTP below."""
