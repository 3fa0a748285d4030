"""Decoding of media files in reader processes. Called within `data`; specs and errors by all rooms above."""
