"""Clients: everything that turns a request into a reply."""
