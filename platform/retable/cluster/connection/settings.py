"""Settings of Ray, as environment variables. `retable.cluster` sets them before Ray is imported."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",  # otherwise a cluster's job API runs anybody's code
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "60",  # by default Ray notices a hung rank after 600 s
    "RAY_TRAIN_COLLECTIVE_TIMEOUT_S": "300",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # the driver watches preempted nodes for all worker groups
    "TORCH_PROCESS_GROUP_SHUTDOWN_TIMEOUT_S": "5",  # a worker group that lost a worker is over
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # it prints a banner at every verbosity
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours: it saves before it stops
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""Default values; a variable that the user has set stays."""
