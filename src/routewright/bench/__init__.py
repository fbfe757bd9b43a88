"""Many routers on many benchmarks under one protocol: fits, standings, leaderboard."""
