"""The design file: its schema, and nothing else."""
