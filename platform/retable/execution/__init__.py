"""The execution of a plan: leases, attempts, retries and stops. The command line and the cluster call it."""
