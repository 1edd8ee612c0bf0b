"""What travels between the notebooks, how it is kept on disk, and where it comes from.

- The rows: `schemas`; the letters of a question's `options`.
- Where they come from: `sources` (files, CSV included), `hub` and `kept` (data sets of a hub),
  `published` (their shapes), `logs`; tables at addresses: `tables`; tables that people fill in:
  `spreadsheets`.
- On disk: `jsonl`.
- Prompts: `conversations`; when two are the same or nearly so: `sameness`; what nobody else should
  read: `masking`.
- Answers as servers write them: `end_marks`, `channels`, `finish_reasons`, `logprobs`,
  `characters`.
"""
