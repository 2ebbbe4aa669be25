"""How the bundled demo models are made: run by hand, on one CPU core; nothing of the gateway imports it."""
