"""Pages that open offline: one file with its styles, scripts and data, and nothing fetched."""
