"""Report of a study: results, tables, formats, plots and the printed plan. Called by search, figures, doctor and the command line."""
