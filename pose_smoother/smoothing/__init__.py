"""What ``ps.smooth`` does: tracks through filters or a trained run, arrays, summaries."""
