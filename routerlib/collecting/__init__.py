"""03: ask for many answers in a job that can be stopped and goes on; nothing paid for is lost."""
