"""Where traces are stored."""
