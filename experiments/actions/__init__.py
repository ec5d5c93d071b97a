"""What experiments do to the platform. Every action writes its undo first, and proof that it acted afterwards."""
