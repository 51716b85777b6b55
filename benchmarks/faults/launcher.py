"""A process that has datalint loaded and forks a child for each run: a run costs what it does, not Python's start.

    python -m benchmarks.faults.launcher SOCKET

Each message on the socket is JSON: {"start": {...}} with the child's standard streams beside it is answered by its
process id, {"wait": id} by its status and CPU seconds. A child ends as the command does: through `datalint.cli.main`.
"""

import ctypes
import importlib
import json
import os
import pkgutil
import resource
import signal
import socket
import sys
from typing import Any

# Whole packages: a child that is another user may not be able to read what is imported late, such as a checkout
# below a folder of root's.
PACKAGES = ("datalint.cli", "datalint.cleaner", "datalint.report", "datalint.source", "datalint.engine")
LOADED = ("datalint.run", "polars", "pyarrow.parquet", "pyarrow.compute", "numpy.ma")


def load() -> None:
    """Import what runs of the command import."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(found.name)
    for name in LOADED:
        importlib.import_module(name)
    importlib.import_module("datalint.registry").all_rules()


def serve(line: socket.socket) -> dict[str, Any]:
    """Answer messages until the other end closes; in a child, return what it is to do."""
    while True:
        data, handles, _, _ = socket.recv_fds(line, 1 << 20, 3)
        if not data:
            os._exit(0)
        message = json.loads(data)
        if "start" in message:
            child = os.fork()
            if child == 0:
                for number, handle in enumerate(handles):
                    os.dup2(handle, number)
                    os.close(handle)
                line.close()
                return dict(message["start"])
            for handle in handles:
                os.close(handle)
            answer: dict[str, Any] = {"pid": child}
        else:
            _, status, used = os.wait4(message["wait"], 0)
            seconds = used.ru_utime + used.ru_stime
            answer = {"code": os.waitstatus_to_exitcode(status), "cpu": seconds, "peak": used.ru_maxrss << 10}
        line.sendall(json.dumps(answer).encode())


def run(job: dict[str, Any]) -> None:
    """Be the child: take the limits, then run the command or the function that is named."""
    os.chdir(job["cwd"])
    os.environ.update(job["env"])
    for name, limit in job["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    if job["fail_at"] is not None:
        ctypes.CDLL(None).faults_arm(ctypes.c_long(job["fail_at"]), job["cwd"].encode())
    if job["user"]:
        os.setgroups([])
        os.setgid(job["user"])
        os.setuid(job["user"])
    for number in job["closed"]:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)
    if job["call"]:
        module, _, name = job["call"].partition(":")
        getattr(importlib.import_module(module), name)(*job["args"])
        return
    from datalint.cli import main

    sys.argv = ["datalint", *job["args"]]
    main()


if __name__ == "__main__":
    # Until the command listens, a signal ends a child without a word, as it ends the command that is starting.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    load()
    run(serve(socket.socket(fileno=int(sys.argv[1]))))
