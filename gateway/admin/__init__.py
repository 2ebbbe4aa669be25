"""Administration: what people may change while the gateway runs. Called by the admin API and the command line."""
