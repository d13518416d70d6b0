"""Estimators: a panel and options in, an Estimate out."""
