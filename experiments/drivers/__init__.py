"""How a meaning ("freeze this zone") is done on a kind of cluster."""
