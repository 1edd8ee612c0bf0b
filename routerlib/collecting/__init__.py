"""03: ask for many answers in a job that can be stopped and goes on; nothing paid for is lost.

- `collection`: questions in, rows of answers out; `forecast`: what that will cost.
- `resumable`: what is asked, asked again, or given up; `pace`: requests in flight, and the wait for
  a busy server (429); `budget`: the money of a run.
- `ledger`: the file that remembers what is done; `ledger_parts`: what several workers wrote of it.
"""
