"""Models: requests, replies, and the clients of all providers."""
