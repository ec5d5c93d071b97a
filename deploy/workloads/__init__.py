"""What runs on the cluster as the system under test and around it; nothing here imports the suite."""
