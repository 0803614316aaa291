"""The first process: watches, decides, holds the port, owns the terminal."""
