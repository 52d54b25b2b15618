"""Films in and out, in steady colour."""
