"""The regression on unit and period effects, and the weights in it."""
