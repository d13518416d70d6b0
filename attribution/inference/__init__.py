"""Draws, intervals and the attribution factor."""
