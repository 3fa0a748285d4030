"""Tables of a report, one module for each kind. Called by `retable.report.report`."""
