"""torchrun for one run of a sweep: it stops with the process that started it.

``python -m trainer.distributed.launch --nproc-per-node 2 -m trainer train ... --parent PID``
"""

import sys

from torch.distributed.run import main

from trainer.runs.signals import stop_with_parent

if __name__ == "__main__":
    *arguments, _, parent = sys.argv[1:]
    stop_with_parent(int(parent))  # by SIGTERM, which torchrun passes on to its processes
    main(["--standalone", *arguments])
