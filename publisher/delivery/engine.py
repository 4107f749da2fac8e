"""Carries the wake-up "channel N has work" from any scheduler to any worker, through PostgreSQL.

The engine, Procrastinate, carries nothing else. When something is due, how often it is tried and
who has it stands in the delivery's row. So a job that is lost is deferred again by the next
tick, one that is heard twice finds nothing to do, and one that its worker took to the grave
holds nobody up: no job has a lock, and a queueing lock only keeps a second one from waiting.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text
from sqlalchemy.engine import make_url

from publisher.core.logs import get_logger
from publisher.core.outage_log import LogOnce
from publisher.db.session import PING, Database
from publisher.delivery.dispatch import Drain, Drainer

QUEUE = "publisher"
DRAIN = "drain"
CONNECTIONS = 4
"""Of one worker, to take jobs and to hand them back; to listen takes one more."""
POLL_SECONDS = 5.0
"""So often a worker looks by itself, should a notification be lost."""
BEAT_SECONDS = 10.0
STALLED_SECONDS = 30.0
"""A worker that the engine did not hear of for so long is taken for dead."""
SWEEP = "* * * * *"
TIMEOUT_SECONDS = 3.0
"""A connection that was not made after so long counts as lost."""
PAUSE_SECONDS = 1.0
"""Before a lost connection is made anew."""
SETTLED_SECONDS = 2.0
"""Connections that hold for so long are good again."""
WAITS = text("SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = :lock")


class EngineDispatcher:
    """Queues wake-ups for channels that have work, on the scheduler's side."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._app = App(connector=PsycopgConnector())

    def kick(self, channel: str) -> None:
        """Queues a wake-up for whichever worker is free, unless one waits already.

        Raises:
            DBAPIError, ConnectorException: the database can't be reached.
        """
        lock = f"{DRAIN} {channel}"
        with suppress(AlreadyEnqueued), self._database.engine.begin() as connection:
            # Without a worker, each tick would have the server refuse a row, and write that to its log.
            if connection.scalar(WAITS, {"lock": lock}):
                return
            same = connection.connection.driver_connection
            self._app.configure_task(DRAIN, queue=QUEUE, queueing_lock=lock, connection=same).defer(channel=channel)


class EngineWorker:
    """Drains the channels of the wake-ups that it gets, so many at once.

    It lives in threads of its own. When its connections are lost it makes new ones, until it is
    stopped; what it has in hand meanwhile goes on.
    """

    def __init__(self, url: str, drain: Drain, *, threads: int) -> None:
        """`url`: as for `Database.open`. `drain`: as for `ThreadDispatcher`."""
        self._conninfo = _conninfo(url)
        self._drainer = Drainer(drain)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._stopping = threading.Event()
        self._trouble = LogOnce("worker", "listening for work")

    def start(self) -> None:
        """Begins to listen. Returns at once."""
        for talkative in ("procrastinate", "psycopg.pool"):
            # What they say of a lost connection, again and again, is said once by ourselves.
            logging.getLogger(talkative).setLevel(logging.CRITICAL)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_note)
        self._listening = self._loop.create_task(self._listen())
        self._thread = threading.Thread(target=self._run, name="engine")
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Returns whether no channel is being drained in this process."""
        return self._drainer.idle

    def stop(self) -> None:
        """Takes nothing new, finishes what is being drained, and waits for that."""
        self._stopping.set()
        self._drainer.stop()
        while self._thread.is_alive():
            with suppress(RuntimeError):  # The loop was closed just now.
                self._loop.call_soon_threadsafe(self._listening.cancel)
            # It goes unheard where it meets the loss of a connection.
            self._thread.join(2 * TIMEOUT_SECONDS)
        self._pool.shutdown(wait=True)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_until_complete(self._listening)

    async def _listen(self) -> None:
        """Begin again whenever the connections are lost, until `stop` is called."""
        while not self._stopping.is_set():
            try:
                await self._work()
            except (ConnectorException, psycopg.Error) as error:
                self._trouble.failed(ConnectionError(str(error.__cause__ or error)))
            except Exception as error:
                self._trouble.failed(error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _work(self) -> None:
        """Hear of work and do it. Ends when a connection is lost; what threads have in hand then goes on in them."""
        # A pool would only say that it has no connection, not why.
        await (await psycopg.AsyncConnection.connect(self._conninfo)).close()
        async with AsyncConnectionPool(
            self._conninfo,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=TIMEOUT_SECONDS,
            check=AsyncConnectionPool.check_connection,
            open=False,
        ) as connections:
            await connections.wait(TIMEOUT_SECONDS)
            settled = self._loop.call_later(SETTLED_SECONDS, self._trouble.worked)
            try:
                async with self._app().open_async(connections) as app:
                    await app.run_worker_async(
                        queues=[QUEUE],
                        concurrency=self._threads,
                        delete_jobs="always",
                        fetch_job_polling_interval=POLL_SECONDS,
                        update_heartbeat_interval=BEAT_SECONDS,
                        stalled_worker_timeout=STALLED_SECONDS,
                        shutdown_graceful_timeout=0,
                        install_signal_handlers=False,
                    )
            finally:
                settled.cancel()
        raise ConnectionError("the connection to the database was lost")

    def _app(self) -> App:
        app = App(connector=PsycopgConnector())

        @app.task(name=DRAIN, queue=QUEUE)
        async def drain(channel: str) -> None:
            await self._loop.run_in_executor(self._pool, self._drainer.drain, channel)

        # Without a periodic task, the engine would not notice that it has stopped listening.
        @app.periodic(cron=SWEEP)
        @app.task(name="sweep", queue=QUEUE, queueing_lock="sweep", pass_context=True)
        async def sweep(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - the engine hands it over
            await _sweep(context.app.job_manager)

        return app


async def _sweep(manager: JobManager) -> None:
    """Removes the jobs that killed workers were running, and these workers."""
    for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_SECONDS):
        if job.id is not None:
            await manager.finish_job_by_id_async(job.id, Status.ABORTED, delete_job=True)
    await manager.prune_stalled_workers(STALLED_SECONDS)


def _conninfo(url: str) -> str:
    parsed = make_url(url)
    _, parameters = parsed.get_dialect()().create_connect_args(parsed)
    return make_conninfo(**{**PING, **parameters})


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs a job that could not be handed back because the connection was lost: it is swept later."""
    get_logger("worker").debug("left behind by the engine", what=context.get("message"), why=context.get("exception"))
