"""Configurations of other gateways, read and written as ours. Used by `gateway migrate`."""
