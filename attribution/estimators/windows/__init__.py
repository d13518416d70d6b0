"""What the estimators on two windows share."""
