"""Shows what the gateway answered: the model that the router picked, its words and its price."""

import json
import sys


def main() -> None:
    answer = json.load(sys.stdin)
    routed = answer["routewright"]
    print(f"{answer['choices'][0]['message']['content'].strip()}")
    print(f"→ {answer['model']} for ${routed['cost_usd']:.7f}: {routed['reason']}")


if __name__ == "__main__":
    main()
