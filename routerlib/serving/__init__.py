"""06: the router in a program: clients and a server.

- In a program: `routed_clients`; as a server: `proxy` (with `compression`), `decisions_api`;
  in LiteLLM: `litellm_plugin`. Which router, where none is named: `routing`.
- Who gets a request: `switchboard` plans it and names it in headers (a policy's are of `stages`),
  `proxy` and `routed_clients` send it; when the other model is asked: `fallback`; an answer that
  breaks off on the way: `proxy`; prompts that come together: `scoring_queue`.
- A policy that reads the cheap answer first: `stages` decides, `gathering` asks, `reading` reads.
"""
