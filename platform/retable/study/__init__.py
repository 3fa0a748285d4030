"""Declaration of a study as data: tables, claims, published numbers, searches, scales. Called by studies and higher rooms."""
