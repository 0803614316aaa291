"""Where start-up time goes: measured in a start of its own, and written down for readers."""
