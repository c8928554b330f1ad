"""The search that chose the fifth model, resmlp: every variant tried, on validation windows."""
