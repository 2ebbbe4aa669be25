"""Who may call, from where, how much: keys, limits, people who log in, and the secrets that are kept for them."""
