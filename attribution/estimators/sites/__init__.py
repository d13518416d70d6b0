"""What synthetic sites are made of."""
