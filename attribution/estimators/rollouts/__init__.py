"""What the estimators of rollouts share: group-time cells and their averages."""
