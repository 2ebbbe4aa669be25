"""The catalog: every model of Chutes, of the configured providers and of this machine, merged from their sources."""
