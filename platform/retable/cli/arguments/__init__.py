"""The input of a verb: its options, their values, the file of the study, and the request that they make. All of `cli` may call."""
