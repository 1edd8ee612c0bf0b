"""The heavy steps on several machines: Ray hands the work out, our own functions do it.

`machines` joins a cluster, `blocks` divides a long list. `cleaners`, `graders` and `prompt_scorers`
do in blocks what one machine does; for answers, `collecting` is the driver and `collector` the
worker.
"""
