"""Run a command and print, as the last line, what it and all that it started took: [CPU seconds, peak MiB].

python launch.py LIMIT COMMAND ...; stops the command after LIMIT seconds. Standard library only.
"""

import os
import resource
import signal
import subprocess
import sys

if __name__ == "__main__":
    limit, *command = sys.argv[1:]
    child = subprocess.Popen(command, start_new_session=True)
    try:
        code = child.wait(float(limit))
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        sys.exit(f"not done within {limit} s")
    if code:
        sys.exit(code)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    sys.stdout.write(f"[{usage.ru_utime + usage.ru_stime}, {usage.ru_maxrss / 1024}]\n")
