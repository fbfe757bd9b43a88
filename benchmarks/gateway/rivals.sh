#!/bin/sh
# Installs what the gateway is measured against, from package registries alone:
#   rivals.sh [--into FOLDER] [nginx] [litellm] [tensorzero] [portkey]
# Without names all of them. What is there in the wanted version is kept; one that cannot be
# installed is reported, and the others go on. Needs Debian (as root for nginx and gcc), Python 3.11
# and, for Portkey, Node with npm.
into="$HOME/.cache/routewright-rivals"
if [ "$1" = --into ]; then into=$2; shift 2; fi
[ $# -gt 0 ] || set -- nginx litellm tensorzero portkey
# The newest LiteLLM whose proxy is complete on the registries is pinned, and so are the others.
LITELLM=1.106.12 TENSORZERO=2026.6.0 PORTKEY=1.15.2
PYTHON=${PYTHON:-python3}
mkdir -p "$into"

nginx() {
  command -v nginx >/dev/null && command -v gcc >/dev/null && return
  apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light gcc libc6-dev
}

# A virtual environment of its own: venv NAME VERSION REQUIREMENT...
venv() {
  name=$1 version=$2; shift 2
  [ "$(cat "$into/$name/installed" 2>/dev/null)" = "$version" ] && return
  "$PYTHON" -m venv --clear "$into/$name" &&
    "$into/$name/bin/python" -m pip install -q --disable-pip-version-check "$@" &&
    echo "$version" >"$into/$name/installed"
}

litellm() { venv litellm "$LITELLM" "litellm[proxy]==$LITELLM"; }

# The gateway is inside the Python package, which starts it for OpenAI's client.
tensorzero() { venv tensorzero "$TENSORZERO" "tensorzero==$TENSORZERO" openai; }

# With the @hono/node-server that the package asks for, every streamed request is answered by 500.
portkey() {
  [ "$(cat "$into/portkey/installed" 2>/dev/null)" = "$PORTKEY" ] && return
  mkdir -p "$into/portkey" && cat >"$into/portkey/package.json" <<JSON &&
{ "name": "rival", "version": "1.0.0", "private": true,
  "dependencies": { "@portkey-ai/gateway": "$PORTKEY", "@hono/node-server": "1.3.3" },
  "overrides": { "@hono/node-server": "1.3.3" } }
JSON
    npm install --prefix "$into/portkey" --no-fund --no-audit --loglevel=error &&
    echo "$PORTKEY" >"$into/portkey/installed"
}

missing=""
for rival in "$@"; do
  case $rival in nginx | litellm | tensorzero | portkey) ;; *) echo "no rival is called $rival" >&2; exit 2 ;; esac
  echo "$rival ..."
  "$rival" || missing="$missing $rival"
done
[ -z "$missing" ] || { echo "not installed:$missing" >&2; exit 1; }
echo "installed in $into"
