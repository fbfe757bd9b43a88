"""Runs TensorZero's gateway, which its Python package keeps inside; ``rivals.sh`` installs it.

    PYTHON tensorzero_gateway.py CONFIG

The package serves it on a port that it takes itself; the port is printed.
"""

# pyright: basic
import signal
import sys


def main() -> None:
    import openai  # pyright: ignore[reportMissingImports]
    import tensorzero  # pyright: ignore[reportMissingImports]

    client = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1")
    served = tensorzero.patch_openai_client(client, config_file=sys.argv[1], async_setup=False)
    print(f"port {served.base_url.port}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
