"""Diagnostics: how alike the arms are, before and after a cohort was made."""
