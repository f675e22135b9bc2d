"""Functions on plain text: comparing, standardising, checking. This package does not know about rows."""
