"""Numbers behind the tables: results of trials, filled cells, curves, statistics. Called by the other folders of the report."""
