"""The command line: ``python -m django_autoreload_plus`` and ``autoreload-plus``."""
