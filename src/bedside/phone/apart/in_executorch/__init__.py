"""A program of its own, run by ExecuTorch's environment: it imports nothing of bedside, and bedside nothing of it."""
