"""A worker in a process of its own, which a test kills: `python control_child.py URL NAME VERB`.

`work` does jobs until none is left, `hold` takes one and keeps it, `submit` accepts jobs until it is killed. Each
job's id is a line on stdout, written when the database has answered.
"""

import subprocess
import sys
import time

from tenku.control.jobs.queue import Jobs
from tenku.studio.model import JobSpec, Kind, Usage
from tenku.studio.ports import Finished


def child(url: str, name: str, verb: str) -> "subprocess.Popen[str]":
    """Start one."""
    command = [sys.executable, __file__, url, name, verb]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> list[str]:
    """The ids that it named, when it has ended by itself. Raises AssertionError: it failed."""
    out, error = process.communicate(timeout=100)
    assert process.returncode == 0, error
    return out.split()


def main(url: str, name: str, verb: str) -> None:
    jobs = Jobs(url)
    if verb == "hold":
        job = jobs.claim(name, lease_s=30)
        print(job and job.id, flush=True)
        time.sleep(1000)
    while verb == "submit":
        [job] = jobs.submit([JobSpec(kind=Kind.TEXT, model="m", prompt="p")])
        print(job.id, flush=True)
    while job := jobs.claim(name, lease_s=30):
        print(job.id, flush=True)
        assert jobs.finish(job.id, name, Finished(usage=Usage(seconds=0.5)))


if __name__ == "__main__":
    main(*sys.argv[1:])
