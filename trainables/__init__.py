"""Model families: each folder has a config, networks, a learner, costs, scales and figures. Studies import their configs."""
