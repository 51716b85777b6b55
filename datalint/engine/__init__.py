"""From files to findings: plan what runs, map every chunk, let equal keys meet, finish over the whole.

    plan    which rule runs on which file, with which target
    local   read each block once, map every rule over it, in this process
    meet    mapped rows with equal keys come together: reduce, then finish

A rule that only maps is done after `map`; the others leave small frames that meet when all is read.
"""

from datalint.engine.local import Outcome, ReadFile, run
from datalint.engine.plan import Job, Plan, plan

__all__ = ["Job", "Outcome", "Plan", "ReadFile", "plan", "run"]
