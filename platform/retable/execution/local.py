"""The local runner: the plan in this process, without Ray. For the debugger, the tests and the tutorial."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from retable.execution.execution import Execution
from retable.execution.retries import cause_of
from retable.execution.signals import stopped_by_signals
from retable.store.working_copy import working_copy
from retable.training import loop
from retable.training.run import AssignedRun


@dataclass
class LocalRun(AssignedRun):
    """A `Run` in the driver's own process."""

    execution: Execution

    def report(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Tell the execution at once, so that a search decides at the same iterations in every run."""
        self.execution.reported(self.assignment.trial.signature)


def run_plan(execution: Execution) -> None:
    """Train the missing trials, one after the other, on one worker. Ctrl-C works as in `retable.execution.signals`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with execution.leases_kept(), stopped_by_signals(execution):
        while (planned := execution.next()) is not None:
            assignment = execution.begin(planned)
            if assignment is None:
                continue
            try:
                with working_copy(assignment, 0) as (here, mirror):
                    run = LocalRun(here, 0, 1, device, execution, mirror=mirror)
                    state = loop.train(here.trial, run, split=here.split)
            except KeyboardInterrupt:
                execution.stopping = True
                execution.end(assignment, "stopped", "interrupted")
            except Exception as error:  # noqa: BLE001  (whatever it is, the next trial is still to be trained)
                execution.end(assignment, None, traceback.format_exc(), cause_of(error))
            else:
                execution.end(assignment, state)
