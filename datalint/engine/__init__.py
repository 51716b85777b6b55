"""From files to findings: plan what runs, map every chunk, let equal keys meet, finish over the whole.

    plan    which rule runs on which file, with which target
    mapping read each block of a file once, map every rule over it
    local   map all files, in this process
    meet    mapped rows with equal keys come together: reduce, then finish

A rule that only maps is done after `map`; the others leave small frames that meet when all is read.
"""

from datalint.engine.local import Outcome, run
from datalint.engine.plan import Job, Plan, plan
from datalint.engine.reading import ReadFile

__all__ = ["Job", "Outcome", "Plan", "ReadFile", "plan", "run"]
