"""Report of a study: results, tables, formats, plots, printed plan. Called by search, figures, doctor and cli."""
