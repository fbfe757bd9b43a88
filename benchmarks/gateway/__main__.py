"""One command: artefact, fake upstream, gateways, load, tables.

python -m benchmarks.gateway [--rounds 5] [--seconds 3] [--only ours,nginx] [--out FILE]
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from benchmarks.gateway import session, tables
from benchmarks.gateway.bench import TroubleError, bench
from benchmarks.gateway.gateways import RIVALS

RESULTS = Path(__file__).parents[1] / "results" / "gateway.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="", help="gateways, with commas")
    parser.add_argument("--rivals", type=Path, default=RIVALS, help="where rivals.sh installed")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    # Told to end, it ends what it has started too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with bench() as made:
            seen = session.run(made, given)
    except TroubleError as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit("interrupted: everything was ended, nothing is written")
    text = tables.page(seen)
    given.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
