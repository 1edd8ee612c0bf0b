"""Talking to a model: what is sent, what comes back, who serves it.

- Asking: `clients`, in the words of `dialect` (what a server refuses is left out); the texts that
  are sent: `prompts`; HTTP: `connections`, `addresses`. How long a whole answer is waited for, and
  how keys are kept out of what is told: `clients`.
- What comes back: `replies`, in another API's form `other_apis`; what an error means: `refusals`
  (how long to wait after one: `collecting.pace`).
- Before a long run: `check`. Serving here: `servers` starts, shares and stops them, `engines` knows
  the commands of vLLM and transformers, `standins` builds the offline pair.
"""
