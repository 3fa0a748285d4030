"""Numbers behind the tables: results, cells, curves, statistics. Called by the rest of the report, search, doctor and cli."""
