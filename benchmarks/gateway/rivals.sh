#!/bin/sh
# Installs what the gateway is measured against, from package registries, below ~/.cache.
set -e
into="$HOME/.cache/routewright-rivals"
mkdir -p "$into/portkey"
apt-get install -y -q nginx-light gcc
python3 -m venv "$into/litellm" && "$into/litellm/bin/pip" install -q 'litellm[proxy]'
cd "$into/portkey" && npm install --no-fund --no-audit @portkey-ai/gateway@1.15.2
