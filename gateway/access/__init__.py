"""Who may call: keys and what each of them may use."""
