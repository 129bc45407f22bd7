"""What the gateway does in a second, measured: ``./scripts/bench NAME``. Each figure stands beside its ceiling."""
