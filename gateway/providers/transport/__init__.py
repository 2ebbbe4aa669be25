"""HTTP to upstreams behind one interface."""
