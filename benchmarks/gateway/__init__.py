"""What a request costs in the gateway, beside its rivals; see README.md."""
