"""A layer as plain tables: schema, checks, and writing back."""
