"""Plan of a study and forecast of its cost; starts nothing. Called by report, execution, search, cluster and cli."""
