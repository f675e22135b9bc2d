"""Any OpenAI-compatible server, or a pool of several."""
