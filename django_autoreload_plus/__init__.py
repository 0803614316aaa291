"""A development reloader: a saved file is live before the browser asks for it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
