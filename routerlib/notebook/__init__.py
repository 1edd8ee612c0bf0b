"""What a notebook shows: figures, the sentences under them, the viewer and the panel.

- Figures: `plots`, `policy_plots`; the sentences under them: `readings`, `following`; what is kept
  for machines: `results`.
- Widgets: `panel` (its HTML, all of it escaped: `markup`), `audit`, `viewer`; what stands in their
  place without a kernel: `face`.
- Pages: `page` (`make panel`), `replay_page` (what `replay` ends with), `lab` (`make lab`).
- Running one: `execution`, `parameters`.
"""
