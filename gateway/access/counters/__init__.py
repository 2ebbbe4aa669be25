"""Three implementations of `CounterStore`: this process, the workers of one machine, many instances over Redis."""
