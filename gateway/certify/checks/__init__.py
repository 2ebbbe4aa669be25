"""What each scenario does and demands, as coroutines over a stand. They return what was seen, or raise `Unmet`."""
