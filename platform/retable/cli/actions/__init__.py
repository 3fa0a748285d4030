"""The work that verbs call or share: training, tables, figures of trials, the live view. `retable.cli.commands` may call."""
