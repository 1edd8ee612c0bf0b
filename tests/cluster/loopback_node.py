"""`ray start`, with every socket on the loopback: Ray itself replaces 127.0.0.1 by the machine's
outward address.

python tests/cluster/loopback_node.py start --head … (as `ray start --head …`)
"""

import sys

sys.modules["rfc3987_syntax"] = None  # a grammar that takes seconds to build, and is not needed

from ray._private import services  # noqa: E402
from ray.scripts.scripts import main  # noqa: E402

if __name__ == "__main__":
    services.get_node_ip_address = lambda address=None: "127.0.0.1"
    sys.argv[0] = "ray"
    main()
