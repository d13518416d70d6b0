"""Rules a reviewer can check: Evidence in, Finding out."""
