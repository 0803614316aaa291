"""What the supervisor and its children say to each other, and how."""
