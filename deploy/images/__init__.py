"""Where every image comes from: one catalogue, two sources."""
