"""Messages between the supervisor and its children, and how they travel."""
