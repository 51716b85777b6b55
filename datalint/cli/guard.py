"""One place that turns what happens into exit codes: 0 passed, 1 gate failed, 2 the rest, 130 interrupted.

click and bare Python exit with 1 on a crash and on a closed pipe, which a CI would take for findings.
"""

import os
import sys
from typing import NoReturn

import click

from datalint.errors import DatalintError

GATE_FAILED = 1
UNUSABLE = 2
INTERRUPTED = 130


def guarded(command: click.Command) -> NoReturn:
    """Run a command and exit."""
    try:
        code = command.main(standalone_mode=False, prog_name="datalint")
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        sys.exit(_say("interrupted", INTERRUPTED))
    except click.ClickException as error:
        error.show(sys.stderr)
        sys.exit(UNUSABLE)
    except DatalintError as error:
        sys.exit(_say(f"error: {error}", UNUSABLE))
    except KeyboardInterrupt:
        sys.exit(_say("interrupted", INTERRUPTED))
    except BrokenPipeError:
        # Nobody reads any more; a second flush at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        sys.exit(_say("error: out of memory", UNUSABLE))
    except Exception as error:  # the last resort: a crash is told in one line, and never looks like findings
        if os.environ.get("DATALINT_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        sys.exit(
            _say(
                f"internal error: {what} (set DATALINT_DEBUG=1 for the traceback, and please report it)",
                UNUSABLE,
            )
        )
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str, code: int) -> int:
    from datalint.report.escape import visible

    click.echo(f"datalint: {visible(text)}", err=True)
    return code
