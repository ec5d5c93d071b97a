"""The three-zone kind cluster: definition, life cycle, owner stamp."""
