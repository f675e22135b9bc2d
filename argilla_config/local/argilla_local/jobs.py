"""Redis and the worker, inside the server's process.

The server queues jobs (a changed task distribution, webhooks, the Hub) in Redis through `rq`. Here its client
talks to `fakeredis` in memory. There is no port: queued jobs are pickles, so a port would let any program on
this machine run code. A thread is the worker. Jobs that still wait when the process ends are lost. The next
start sets the statuses that they would have set (`database`).
"""

from __future__ import annotations

import threading

import fakeredis
from argilla_server.jobs.queues import DEFAULT_QUEUE, HIGH_QUEUE, REDIS_CONNECTION
from rq import Queue
from rq.job import Job
from rq.registry import ScheduledJobRegistry
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker

_POLL_SECONDS = 0.2


def play_redis() -> None:
    """Makes the server's Redis client, and with it its queues, use a Redis in memory."""
    REDIS_CONNECTION.connection_pool = fakeredis.FakeRedis().connection_pool


class _ThreadWorker(SimpleWorker):
    """rq's worker without its signal handlers, which only a main thread can install."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None: ...


class JobRunner:
    """Runs the server's jobs in a thread, in the order of the queues, with rq's own retries."""

    def __init__(self) -> None:
        self._queues = [HIGH_QUEUE, DEFAULT_QUEUE]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="argilla-jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Waits up to `timeout` seconds for a running job."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        worker = _ThreadWorker(self._queues, connection=REDIS_CONNECTION)
        while not self._stopping.wait(_POLL_SECONDS):
            for queue in self._queues:
                _enqueue_due_retries(queue)
            if any(queue.count for queue in self._queues):
                worker.work(burst=True, logging_level="WARNING")


def _enqueue_due_retries(queue: Queue) -> None:
    """Does the work of rq's scheduler, which would need a separate process."""
    registry = ScheduledJobRegistry(queue=queue)
    for job in Job.fetch_many(registry.get_jobs_to_schedule(), connection=queue.connection):
        if job is not None:
            registry.remove(job)
            queue._enqueue_job(job)
