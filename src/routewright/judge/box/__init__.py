"""What runs inside the sandbox: scripts of the standard library alone, never imported here."""
