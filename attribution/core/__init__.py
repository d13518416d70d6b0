"""The nouns: panel, cohort, estimate, interval, finding."""
