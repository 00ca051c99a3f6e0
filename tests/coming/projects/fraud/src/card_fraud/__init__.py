"""Features of card payments."""
