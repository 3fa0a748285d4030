"""The verbs, one file each: the options that a verb takes, and the call of the room that does the work."""
