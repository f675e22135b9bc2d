"""One form for texts that say the same."""
