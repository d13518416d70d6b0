"""Before the training starts: what a study could see, what would make it see more, and whom to train when."""
