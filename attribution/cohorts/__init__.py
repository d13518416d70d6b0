"""Cohorts: who stands for the untrained, a function of a panel for each method."""
