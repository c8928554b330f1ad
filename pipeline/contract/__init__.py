"""What pipeline and trainer share: skeleton, heatmaps, the store, its errors and its seeds."""
