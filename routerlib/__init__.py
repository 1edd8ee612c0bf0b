"""routerlib: turn votes, prompts and graded answers into a router between two language models.

A folder for each notebook's verb, one concept a module; README, "How it is built", is the map.
Nothing heavy is imported here: `import routerlib` stays fast, and torch loads when a model does.
"""

__version__ = "0.1.0"
