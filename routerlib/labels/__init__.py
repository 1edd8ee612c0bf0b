"""02: from conversations to clean, labelled prompts and one training set.

`cleaning` says what is kept, `cleaned` does it for a file, `kinds` names groups of prompts,
`labelling` asks a language model, `training_set` merges and splits.
"""
