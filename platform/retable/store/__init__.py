"""Storage of a study: ledger, checkpoints, metrics logs, fences, and the formats of a results folder.

Training, planning, execution, tracking, reports and figures call it; it knows none of them.
"""
