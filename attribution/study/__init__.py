"""One study's journey from its design to its result."""
