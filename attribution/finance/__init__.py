"""Money from joint draws: costs, benefits, ROI, scenarios."""
