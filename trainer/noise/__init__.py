"""The noisy input: which noise a run sees, drawn as a pure function of seed and position."""
