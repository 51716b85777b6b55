"""The program: `datalint`, and `python -m datalint`."""

import signal

# Until the guard listens there is nothing to tidy: an interrupt ends the program as it ends any other, silently.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from datalint.cli import main

if __name__ == "__main__":
    main()
