"""What experiments ask of the platform."""
