"""The same plan in this process: no Ray, no worker group. For the debugger, the tests and the tutorial."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from retable.execution.execution import Execution
from retable.execution.retries import cause_of
from retable.execution.signals import stopped_by_signals
from retable.store.mirror import attended
from retable.training import loop
from retable.training.run import AssignedRun


@dataclass
class LocalRun(AssignedRun):
    """A `Run` in the driver's own process."""

    execution: Execution

    def report(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """The execution looks at once: what it decides does not depend on when."""
        self.execution.reported(self.assignment.trial.signature)


def run_plan(execution: Execution) -> None:
    """Train what is missing, one trial after the other, on one worker. Ctrl-C does what `retable.execution.signals` says."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with execution.leases_kept(), stopped_by_signals(execution):
        while (planned := execution.next()) is not None:
            assignment = execution.begin(planned)
            if assignment is None:
                continue
            try:
                with attended(assignment, 0) as (here, mirror):
                    run = LocalRun(here, 0, 1, device, execution, mirror=mirror)
                    state = loop.train(here.trial, run, split=here.split)
            except KeyboardInterrupt:
                execution.stopping = True
                execution.end(assignment, "stopped", "interrupted")
            except Exception as error:  # noqa: BLE001  (whatever it is, the next trial is still to be trained)
                execution.end(assignment, None, traceback.format_exc(), cause_of(error))
            else:
                execution.end(assignment, state)
