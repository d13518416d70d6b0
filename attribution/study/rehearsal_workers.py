"""Rehearsals one after the other, or in processes of their own: the numbers do not depend on how many."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process

from threadpoolctl import threadpool_limits

from attribution.errors import MethodError
from attribution.study.rehearsal_replay import Script, rehearse_number
from attribution.study.rehearsal_rows import Rehearsed

Done = Callable[[tuple[Rehearsed, ...]], None]

AHEAD = 4
"""Rehearsals that wait for each worker, so that none is idle and few are lost when the run is interrupted."""


def rehearse_numbers(script: Script, numbers: Sequence[int], workers: int, done: Done) -> None:
    """Rehearse the numbers and hand each to `done` as it is finished, in whatever order.

    An interrupt ends it at once, with nothing half done; workers say nothing of it.
    """
    if workers == 1 or len(numbers) < 2:
        # As in a worker: sums must not depend on the number of BLAS threads.
        with threadpool_limits(limits=1, user_api="blas"):
            for number in numbers:
                done(rehearse_number(script, number))
        return
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(script,))
    todo, running = iter(numbers), set[Future[tuple[Rehearsed, ...]]]()
    try:
        # Processes start with the first calls, and inherit that an interrupt is none of their business.
        with _interrupts_held():
            for number in islice(todo, AHEAD * workers):
                running.add(pool.submit(_one, number))
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                done(future.result())
                running |= {pool.submit(_one, number) for number in islice(todo, 1)}
    except BrokenProcessPool as error:
        raise MethodError(
            "a worker process ended before its work was done",
            where="workers",
            remedy="run it again with fewer workers (what is kept is not done twice); a script that asks for several "
            'begins below if __name__ == "__main__":',
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_script: list[Script] = []
"""The script of a worker process, set once when it begins."""


def _begin(script: Script) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(limits=1, user_api="blas")
    _script[:] = [script]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that asked for it is gone, however it ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one(number: int) -> tuple[Rehearsed, ...]:
    return rehearse_number(_script[0], number)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold interrupts back for a moment: processes that begin in it never see one, and ours comes afterwards."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
