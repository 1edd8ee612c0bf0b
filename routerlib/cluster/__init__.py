"""The heavy steps on several machines: Ray hands the work out, our own functions do it."""
