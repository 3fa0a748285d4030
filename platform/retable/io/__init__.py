"""Files, locks, databases, object stores, media and consoles. It knows no studies, and all rooms may call it."""
