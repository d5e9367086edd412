"""The parts of scripts/soak, and what they share."""
