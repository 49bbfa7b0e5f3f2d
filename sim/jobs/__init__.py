"""Programs and Python functions side by side, and results that are kept."""
