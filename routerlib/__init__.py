"""routerlib: turn votes, prompts and graded answers into a router between two language models.

The modules are flat, one concept each; README, "How it is built", lists them floor by floor.
Nothing heavy is imported here: `import routerlib` stays fast, and torch loads when a model does.
"""

__version__ = "0.1.0"
