"""Numbers about routers: quality against cost, calibration, certificates. No files, no models.

- `metrics`: APGR and the others, with intervals; `calibration`: from a score to a probability.
- Promises: `certificates`; about people, from a judge and an audit: `audits`.
- Money: `prices` (of a call), `costs` (of a policy), `savings` (of a log that was replayed).
"""
