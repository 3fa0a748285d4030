"""Declaration of a study as data: tables, claims, published numbers, searches and scales. Called by studies and all rooms above."""
