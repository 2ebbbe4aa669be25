"""The gateway's benchmark: the same load on it and its peers, in turns, in one run. See docs/performance.md."""
