"""The contract between the platform and a model family: data, Protocols and keyed randomness. Every room may import it."""
