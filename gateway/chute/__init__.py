"""The gateway as a chute: the only part that knows the chutes SDK and the platform's calling conventions."""
