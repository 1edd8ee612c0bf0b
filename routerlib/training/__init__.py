"""05: fit, compare, choose, certify and save a router.

- Rows: `labelled_data` (where they come from, and the one split), `examples` (as arrays).
- What ranks prompts: `scorers`, on `encoders` and `features`; how an encoder runs: `inference`,
  `bert` (without torch); how it is trained: `fine_tuning`.
- Which is kept: `candidates`; what it is worth: `evaluation`; all in one call: `fitting`.
- The router: `router`, `model_card`, `sharing` (on a hub); a file scored with it: `scored`.
- Two decisions: `policies`, `second_look` (what an answer tells), `policy_choice` and `competition`
  (does it pay).
- Which prompts look hard, for an audit: `hardness`.
"""
