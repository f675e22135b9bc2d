"""The embedded model: a small model on this machine's processor, with no key, no GPU and no server."""
