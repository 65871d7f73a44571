"""What the stress half of the product measures."""
