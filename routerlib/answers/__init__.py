"""04: read the answer in an output, and decide whether it is right."""
