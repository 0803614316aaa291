"""The app that the benchmark adds to every project and edits."""
