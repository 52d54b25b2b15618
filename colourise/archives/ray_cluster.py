"""Many jobs on many machines: what run.py does, on a Ray cluster.

The driver plans, locks and records as on one machine; each worker loads the model once, takes jobs and
returns outcomes. If a worker is killed, Ray starts it again with the same jobs. What to notice: the new
worker treats a job as the next run would after a kill (`pending.status`): a complete file that was not there
when the job was planned is done, and everything else is pending. So nothing is lost, and nothing is done
twice. Ray would hand out a photo that kills its workers for ever, so an `AttemptCounter` counts how often
each is begun.
"""

from __future__ import annotations

import logging
import os
import pickle
import platform
import re
import socket
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from colourise.archives.events import OnEvent, WorkersRestarted, WorkersStarted, ignore
from colourise.archives.job import Outcome, PhotoOptions
from colourise.archives.ledger import LedgerEntry
from colourise.archives.pending import PendingJob, settings_key_of, status
from colourise.archives.pool import Budget, for_threads, machine_memory
from colourise.archives.remote_ledger import AnyLedger
from colourise.archives.run import colour_job, ended_entry, planned_entry, remove_parts
from colourise.colouriser import Colouriser
from colourise.errors import ColouriseError, DeviceError, ModelError
from colourise.extras import needs
from colourise.files.storage import is_remote, stamp_of

if TYPE_CHECKING:
    from colourise.files.storage import Location

MOST_TASKS = 4  # photos that a worker takes at once, at most; their outcomes are returned together
THREADS_A_GPU = 4  # threads that read and write photos for one GPU
MAX_ATTEMPTS = 3  # to colour a photo whose workers are killed
QUIET = {  # or Ray reports usage, and prints even to standard output
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}


@dataclass(frozen=True)
class Task:
    """A job on its way to a worker."""

    number: int
    """Its number in this run."""
    pending: PendingJob
    """The job."""
    row: LedgerEntry
    """Its entry in the ledger: planned."""


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker needs before its first task."""

    load: Callable[[], Colouriser]
    """Loads the model."""
    options: PhotoOptions
    """How photos are written."""
    settings_key: str
    """The driver's model and options."""
    folder: Path | None
    """The driver's current folder, for relative paths; None: all paths are URLs."""
    ledger: Location
    """The driver's ledger file, which a worker must be able to see."""
    threads: int
    """Photos at a time."""
    attempts: Any
    """The `AttemptCounter` that all workers share."""


def check() -> None:
    """Check that Ray is installed, and that the cluster answers.

    Raises:
        ExtraError: it is not installed.
        DeviceError: the cluster does not answer.
    """
    needs("ray", "--engine ray")
    named = os.environ.get("RAY_ADDRESS", "")
    host, colon, port = named.rpartition(":")
    if colon and port.isdecimal() and "://" not in named:
        try:  # Ray itself tries for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        except OSError as err:
            raise DeviceError(f"RAY_ADDRESS={named}: no cluster answers there ({err}); is it up?") from err


def run_jobs(
    pending: Sequence[PendingJob],
    colouriser: Colouriser,
    options: PhotoOptions,
    *,
    load: Callable[[], Colouriser],
    ledger: AnyLedger,
    workers: int | None = None,
    on_event: OnEvent = ignore,
) -> Generator[Outcome, None, None]:
    """Do jobs, and yield the outcome of each as it ends; no photo raises an error.

    It ends early if the disk is full or read-only. Photos that were begun at Ctrl-C are left to the next run.
    `ray.init()` finds the cluster: the one that RAY_ADDRESS names, one that runs on this machine, or a new
    one on this machine alone. Photos and outputs must have the same paths on all machines.

    Args:
        pending: jobs from `find_pending`.
        colouriser: the driver's, which those of the workers must equal.
        options: how photos are written.
        load: loads the model in a worker, such as `functools.partial(load_model, "vgg16")`.
        ledger: where outcomes are recorded.
        workers: number of workers; by default one for each GPU, or, without GPUs, for each processor.
        on_event: called when workers have started, and at the end if any were restarted.
    Raises:
        DeviceError: the cluster cannot be reached or cannot go on, or a worker sees other files.
        ModelError: a worker has another model, or none.
    """
    if not pending:
        return
    settings_key = settings_key_of(colouriser, options)
    rows = [planned_entry(one, settings_key, str(colouriser.model)) for one in pending]
    ledger.write(rows)
    ledger.save()
    try:
        with joined() as ray:
            there = ray.cluster_resources()
            gpus = int(there.get("GPU", 0))
            most = gpus or max(1, int(there.get("CPU", 1)))
            workers = min(workers or most, most)
            machines = sum(node["Alive"] for node in ray.nodes())
            on_event(WorkersStarted(workers, machines))
            attempts = ray.remote(num_cpus=0, scheduling_strategy=on_this_machine(ray))(
                AttemptCounter
            ).remote()
            urls = all(is_remote(row.photo) and is_remote(row.output) for row in rows)
            worker = WorkerSpec(
                load=load,
                options=options,
                settings_key=settings_key,
                folder=None if urls else Path.cwd(),
                ledger=ledger.home.absolute(),
                threads=THREADS_A_GPU if gpus else 1,
                attempts=attempts,
            )
            tasks = [
                Task(n, may_overwrite(*one), one[1]) for n, one in enumerate(zip(pending, rows, strict=True))
            ]
            left = set(range(len(pending)))
            for number, outcome in distribute(ray, tasks, worker, workers, gpu=gpus > 0):
                if number not in left:
                    continue
                left.remove(number)
                if not outcome.disk_full:
                    ledger.write([ended_entry(outcome, settings_key, str(colouriser.model))])
                yield outcome
                if outcome.disk_full:
                    break
            repeats = ray.get(attempts.repeats.remote())
            if repeats:
                on_event(WorkersRestarted(repeats))
    finally:
        remove_parts(rows, ledger.home.parent)


def may_overwrite(one: PendingJob, row: LedgerEntry) -> PendingJob:
    """Let a job overwrite what a killed worker leaves, if there was no file when it was planned."""
    sheet = one.job.sheet
    return replace(
        one, overwrite=one.overwrite or (row.written_stamp is None and not (sheet and sheet.exists()))
    )


@contextmanager
def joined() -> Iterator[Any]:
    """Connect to Ray, and disconnect afterwards, unless it was connected before.

    Raises:
        DeviceError: it cannot be reached, or the connection is lost.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about Ray's own code
        import ray.data
        from ray.exceptions import RayError

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ours = not ray.is_initialized()
        try:
            if ours:
                with stderr_silenced():
                    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            yield ray
        except (RayError, ConnectionError) as err:
            found = re.findall(r"^[\w.]*(?:Error|Exception): .*", str(err), re.MULTILINE)  # in tracebacks
            what = (found or str(err).splitlines() or [type(err).__name__])[0]
            raise DeviceError(
                f"Ray cannot go on ({what}); see to it that all machines are there, with the same version of "
                "colourise, and run the same again"
            ) from err
        finally:
            if ours:
                ray.shutdown()


def on_this_machine(ray: Any) -> Any:
    """Return a scheduling strategy that keeps an actor on this machine, without which the run ends anyway."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


@contextmanager
def stderr_silenced() -> Iterator[None]:
    """Discard everything written to standard error, even by native code."""
    with Path(os.devnull).open("w") as nothing:
        kept = os.dup(2)
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def distribute(
    ray: Any, tasks: list[Task], worker: WorkerSpec, workers: int, *, gpu: bool
) -> Iterator[tuple[int, Outcome]]:
    """Hand tasks out to workers.

    Args:
        ray: connected.
        tasks: the tasks.
        worker: what each worker needs.
        workers: number of workers.
        gpu: whether each has a GPU.
    Yields:
        The number and the outcome of each task as it ends.
    """
    options = ray.data.DataContext.get_current().copy()
    options.enable_progress_bars = options.print_on_execution_start = False
    tasks_each = max(1, min(MOST_TASKS, len(tasks) // (4 * workers)))
    with ray.data.DataContext.current(options):
        rows = [{"task": pickle.dumps(task)} for task in tasks]
        data = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // tasks_each)).map_batches(
            RayWorker,
            fn_constructor_args=(worker,),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
            num_gpus=int(gpu),
        )
        for answers in data.iter_batches(batch_size=None, prefetch_batches=0):
            for answer in map(pickle.loads, answers["answer"]):
                if isinstance(answer, Exception):
                    raise answer
                yield answer


class AttemptCounter:
    """Counts how often tasks were begun, for all workers, because a killed worker forgets."""

    def __init__(self) -> None:
        self.times: Counter[int | str] = Counter()

    def begin(self, what: int | str) -> int:
        """Count the start of a task, or of a group named after its first; return how often it started."""
        self.times[what] += 1
        return self.times[what]

    def repeats(self) -> int:
        """Return how often groups were begun again."""
        return sum(times - 1 for what, times in self.times.items() if isinstance(what, str))


class RayWorker:
    """A worker with its model.

    If the model cannot be loaded, the error is the answer to every task: raised here, it would make Ray start
    the worker again.

    Args:
        worker: what it needs.
    """

    def __init__(self, worker: WorkerSpec) -> None:
        self.worker = worker
        self.failure: Exception | None = None
        self.stack = ExitStack()  # open as long as the worker lives
        self.budget = Budget(machine_memory() // 2 * worker.threads // (os.cpu_count() or 1))
        try:
            self.colouriser = self.load_checked()
        except ColouriseError as err:
            self.failure = type(err)(f"{platform.node()}: {err}")
        except Exception:
            self.failure = RuntimeError(traceback.format_exc())

    def load_checked(self) -> Colouriser:
        """Load the model, and check that files and settings are the driver's.

        Raises:
            DeviceError: this machine cannot see the driver's files.
            ModelError: its model is a different one.
        """
        worker = self.worker
        if stamp_of(worker.ledger) is None or not (worker.folder is None or worker.folder.is_dir()):
            raise DeviceError(
                f"{worker.ledger.parent} and {worker.folder} are not those of the first machine; "
                "photos and outputs must be on a disk that all machines share, under the same paths, or URLs"
            )
        if worker.folder is not None:
            os.chdir(worker.folder)
        if worker.threads == 1:
            cv2.setNumThreads(1)  # other processors have their own workers
        colouriser = worker.load()
        if settings_key_of(colouriser, worker.options) != worker.settings_key:
            raise ModelError(
                "another model of this name is here than on the first machine; give all machines the same"
            )
        return self.stack.enter_context(for_threads(colouriser))

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[bytes]]:
        """Do a group of tasks: {"task": pickles} -> {"answer": pickles}.

        After a kill they are done one by one and counted, to find the photo that kills.
        """
        tasks: list[Task] = [pickle.loads(task) for task in rows["task"]]  # noqa: S301  # from our own driver
        if self.failure is not None:
            return {"answer": [pickle.dumps(self.failure)] * len(tasks)}
        import ray

        def begin(what: int | str) -> int:
            return int(ray.get(self.worker.attempts.begin.remote(what)))

        if begin(f"from {tasks[0].number}") == 1:
            with ThreadPoolExecutor(self.worker.threads) as pool:
                return {"answer": list(pool.map(self.answer, tasks))}
        return {"answer": [self.answer(task, begin(task.number)) for task in tasks]}

    def answer(self, task: Task, times: int = 1) -> bytes:
        """Do one task; the answer may be an exception, which the driver raises."""
        try:
            return pickle.dumps(self.do(task, times))
        except Exception:
            return pickle.dumps(RuntimeError(traceback.format_exc()))

    def do(self, task: Task, times: int) -> tuple[int, Outcome]:
        """Do one task, unless a killed worker has done it, or too many workers were killed by it."""
        worker, one = self.worker, task.pending
        job, there = replace(one.job, stamp=stamp_of(one.job.source)), stamp_of(one.job.target)
        if not status(task.row, job.stamp, there, worker.settings_key).pending:
            outcome = Outcome(one.job, "coloured", written_stamp=there)
        elif times < MAX_ATTEMPTS:
            outcome = colour_job(one, self.colouriser, worker.options, self.budget, hashed=True)
        else:
            reason = f"{job.source}: kills whoever works on it; give it more memory, or scale it down first"
            outcome = Outcome(one.job, "failed", reason, written_stamp=there)
        return task.number, outcome
