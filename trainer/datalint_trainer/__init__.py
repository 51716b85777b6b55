"""Train, evaluate and measure what a cleaning was worth (extra `[train]`)."""
