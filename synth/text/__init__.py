"""Plain functions on text: comparing, standardising, checking. Nothing here knows about rows."""
