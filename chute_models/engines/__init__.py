"""How each runtime is started, and the small servers for those that bring none."""
