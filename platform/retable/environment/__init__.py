"""The code, packages and process behind a result. It imports no other room, and all rooms may call it."""
