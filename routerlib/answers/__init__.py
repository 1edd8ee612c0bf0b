"""04: read the answer in an output, and decide whether it is right.

- Which text is read: `parts` (thinking in tags and examples go there); all together: `extraction`.
- A letter: `letters` (where in a text long patterns are tried: `nearby`), else `conclusions`; which
  option a text names: `choices`, by its place: `ordinals`.
- A value: `expressions` (boxes and statements), `closing` (the last sentence), `clauses` (which of
  its clauses says it), `weights` (which values a clause commits to), `asked` (which of several a
  question asks for), `values` and `quantities` (how one is written, with its unit).
- Words: `phrases`, `claims`, `names`, `dates`; for all kinds: `wording`, and `hedges`, which keep a
  value from being credited.
- Right or wrong: `equality` (of expressions in one `notation`, by `parsing`), `correctness`; files
  of answers: `grading`; what may hang: `killable`.
- No known answer: `pairs` of answers, `judges` (how one is asked), `judging` (both orders),
  `examining` (is a judge any good), `auditing` (what people say).
- For a second look: `signals` of one answer, and `annotation`, which writes them into outcomes.
"""
