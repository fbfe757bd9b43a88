"""The leaderboard as one page that needs no network: columns, drawings, template, script."""
