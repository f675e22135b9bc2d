"""The real Argilla server on one machine, with nothing else to install or to start.

`python -m argilla_local serve` runs it. What it replaces around the unchanged server: Elasticsearch, by
queries to the server's own SQLite database (`engine`), and Redis with its worker, inside the process
(`jobs`).
"""

__version__ = "0.1.0"
