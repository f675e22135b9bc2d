"""A chat-completions server on the loopback interface, with the speed, limits and faults of real servers.

`python -m tests.support.loopback --port 0 --latency 0.1 --capacity 64` prints one line of JSON with its url.
Every answer is a function of the prompt alone; every fault is a function of the prompt and of how often
it was asked, so that runs against it repeat whatever the order.
"""
