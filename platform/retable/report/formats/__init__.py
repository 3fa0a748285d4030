"""Output formats of a table: console, CSV, Parquet, Markdown, LaTeX and HTML. Called by the command line and by search."""
