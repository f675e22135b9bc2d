"""The real Argilla server on one machine, with nothing else to install or to start.

`python -m argilla_local serve` runs it. The server is unchanged. Two services around it are replaced:
Elasticsearch by queries to the server's own SQLite database (`engine`), and Redis with its worker by a thread
in the server's process (`jobs`).
"""

__version__ = "0.1.0"
