"""Spot machines in clouds: node providers and preemption notices. Only cluster files and node scripts start it."""
