"""What staff look at on duty: today's figures, an order's whole story, and what can be done about it."""
