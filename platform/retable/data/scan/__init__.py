"""Catalogs of data sets: layouts, lists, problems, fingerprints. Called within `data` and by rooms above."""
