"""Output formats of a table: console, CSV, Parquet, Markdown, LaTeX, HTML. Called by search and cli."""
