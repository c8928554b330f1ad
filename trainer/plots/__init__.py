"""Looking at what a smoother does: strips, animations, trajectories, error by speed."""
