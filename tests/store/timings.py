"""How long a store of a test waits for its database."""

from gateway.store.engines import Timing

PATIENT = Timing(connect=30, statement=60, operation=90, lock=30)
"""Where nothing is meant to be given up: how long something takes says how busy the machine is."""
QUICK = Timing(connect=2, statement=1.5, operation=5, lock=2, poll=0.2)
"""Where something is, soon. On a busy machine that happens to any call."""
