"""The worker's process: `python -m tenku.control.worker --name W --socket PATH --folder FOLDER`, kept by a supervisor.

It stands here and not in studio/, which knows no database: studio takes a `JobQueue`, this file brings the real one.
The database's URL is in TENKU_CONTROL_DATABASE rather than an argument: it may hold a password, which `ps` would show.
"""

import argparse
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tenku.base.errors import TenkuError
from tenku.control.jobs.queue import Jobs
from tenku.control.kept import kept
from tenku.studio import registry
from tenku.studio.atwork import at_work, lock_path
from tenku.studio.chats import Chats
from tenku.studio.desk import WorkerDesk
from tenku.studio.inputs import Inputs
from tenku.studio.makers import Makers
from tenku.studio.model import InstalledModel, JobSpec
from tenku.studio.models import Models
from tenku.studio.notes import FolderNotes
from tenku.studio.pool import Pool
from tenku.studio.ports import Engine
from tenku.studio.provenance.signer import own_signer
from tenku.studio.prune import prune
from tenku.studio.results import Results
from tenku.studio.runner import Parts, Runner
from tenku.studio.share import memory_and_share
from tenku.studio.soundtrack.choice import complete_sound
from tenku.studio.turnstile import NOBODY_PLAYS, ClaimTurnstile, PlayersFirst
from tenku.studio.worker import Worker

LEASE_S = 10.0
GRACE_S = 10.0
DAY_S = 86400.0
DATABASE = "TENKU_CONTROL_DATABASE"


def main(argv: Sequence[str] | None = None) -> int:
    """Work until SIGTERM, or until whoever started it is gone; the exit code."""
    args = _parser().parse_args(argv)
    _tell_warnings()
    stopping, wake = threading.Event(), threading.Event()
    # Waited for in a thread: a handler runs in the middle of whatever the main thread does, also of Event.wait itself.
    # Blocked before any other thread starts, so that none of theirs gets it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_until_signal, args=(stopping,), name="signals", daemon=True).start()
    threading.Thread(target=_until_alone, args=(stopping,), name="parent", daemon=True).start()
    with ExitStack() as stack:
        try:
            worker = _worker(args, stopping, wake, stack)
            worker.start()
        except (TenkuError, OSError) as error:
            print(f"worker: {error.sentence() if isinstance(error, TenkuError) else error}", file=sys.stderr)
            return 1
        stopping.wait()
        whole = worker.close(grace_s=GRACE_S)
        sys.stderr.flush()
        # Native threads may be in the middle of something; waiting for them at exit could take for ever.
        os._exit(0 if whole else 1)


def _tell_warnings() -> None:
    """Whoever started us shows what begins like this; libraries' warnings do not."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("worker: %(message)s"))
    logging.getLogger("tenku").addHandler(handler)


def _worker(args: argparse.Namespace, stopping: threading.Event, wake: threading.Event, stack: ExitStack) -> Worker:
    stack.enter_context(at_work(lock_path(args.folder, args.database)))
    jobs = stack.enter_context(Jobs(args.database))
    models, results = Models(args.folder), Results(args.folder / "results")
    results.sweep(now=time.time())

    def load(model: InstalledModel) -> Engine:
        # Threads change no result, so that they are no part of what a result's key is made of.
        threads = {"threads": args.threads} if args.threads else {}
        place = {"device": memory.placed(model)} if memory.placed(model) else {}
        return registry.load(replace(model, parameters={**threads, **model.parameters, **place}))

    memory, share = memory_and_share(args.memory, args.leases)
    pool = Pool(load, budget=memory.budget, need=memory.need, clock=time.monotonic, share=share)
    makers = Makers(models.find)
    inputs = Inputs(args.folder / "inputs")
    notes = FolderNotes(args.folder / "notes", now=time.time)
    desk = WorkerDesk(inputs, pool, models.find, notes=notes)
    parts = Parts(
        queue=jobs,
        pool=pool,
        desk=desk,
        results=results,
        find=models.find,
        maker=makers.maker,
        others=makers.others,
        complete=lambda spec: complete_sound(spec, models.list()),
        sign=own_signer(args.folder).sign,
        now=time.time,
        turnstile=ClaimTurnstile(args.players) if args.players else NOBODY_PLAYS,
        players_first=PlayersFirst(args.players_first),
    )
    # A worker that was started again is another one: what the last one held is not its own.
    name = f"{args.name}-{os.getpid()}-{secrets.token_hex(2)}"
    runner = Runner(parts, worker=name, lease_s=args.lease_s, stopping=stopping)

    def keys(specs: Sequence[JobSpec]) -> Sequence[str]:
        return makers.keys(specs, complete=parts.complete)

    chats = Chats(pool, find=models.find, wake=wake.set, path=args.socket, keys=keys)

    def tidy() -> None:
        if args.keep_days:
            before = time.time() - args.keep_days * DAY_S
            prune(results, inputs, kept=lambda: kept(jobs.database), before=before)

    return Worker(runner, chats, pool, stopping=stopping, wake=wake, tidy=tidy)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tenku.control.worker", description="Does jobs, answers chats.")
    parser.add_argument("--database", default=os.environ.get(DATABASE, ""), help=f"Default: ${DATABASE}.")
    parser.add_argument("--name", required=True, help="Whose jobs they are.")
    parser.add_argument("--socket", required=True, type=Path, help="Where chats are answered.")
    parser.add_argument("--folder", required=True, type=Path, help="Where models and results lie.")
    parser.add_argument("--memory", type=int, default=0, help="Bytes for models; 0: half of the machine's.")
    parser.add_argument("--threads", type=int, default=0, help="Threads of a model on the processor; 0: by itself.")
    parser.add_argument("--lease-s", type=float, default=LEASE_S, help="After so long without a beat a job is free.")
    parser.add_argument("--players", type=Path, help="The file that games hold while they are played; none: ignored.")
    parser.add_argument("--players-first", default="pause", choices=[each.value for each in PlayersFirst])
    parser.add_argument("--leases", type=Path, help="The folder in which programs say what they hold; none: unasked.")
    parser.add_argument("--keep-days", type=int, default=0, help="After so many days files are deleted; 0: never.")
    return parser


def _until_signal(stopping: threading.Event) -> None:
    signal.sigwait({signal.SIGTERM})
    stopping.set()


def _until_alone(stopping: threading.Event) -> None:
    """The parent holds the other end of standard input; the kernel closes it when the parent dies of whatever."""
    while os.read(0, 4096):
        pass
    stopping.set()


if __name__ == "__main__":
    sys.exit(main())
