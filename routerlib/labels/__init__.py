"""02: from conversations to clean, labelled prompts and one training set."""
