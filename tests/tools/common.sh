# shellcheck shell=bash
# What the scripts of this folder share: a `sluice demo` on free ports, a relay that shows the demo's client certificate
# for tools that cannot, and one line of verdict. Sourced; SLUICE names another binary than that of the debug build.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOOL=$(basename "$0")
WORK=$(mktemp -d)
STARTED=()
PARTY=mz

finish() {
  for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$WORK"
}
trap finish EXIT

# need COMMAND PACKAGE: installs a Debian package where the command is missing.
need() {
  command -v "$1" >/dev/null && return
  apt-get update -qq && apt-get install -qq -y --no-install-recommends "$2" >/dev/null
}

verdict() {
  echo "$TOOL: $1"
  [ "${1%%:*}" = ok ]
}

# Sets BASE, URL, PKI and TOKEN.
start_demo() {
  local sluice=${SLUICE:-$ROOT/target/debug/sluice}
  [ -x "$sluice" ] || (cd "$ROOT" && cargo build --quiet --locked -p sluice-server)
  need curl curl
  BASE=$(python3 - <<'PY'
import random, socket
def free(port):
    with socket.socket() as probe:
        try: probe.bind(("127.0.0.1", port)); return True
        except OSError: return False
while True:
    base = random.randrange(10000, 32000, 4)
    if all(free(base + n) for n in range(3)): break
print(base)
PY
)
  URL=https://127.0.0.1:$BASE
  PKI=$WORK/demo/pki
  "$sluice" demo --dir "$WORK/demo" --port "$BASE" >"$WORK/demo.log" 2>&1 &
  STARTED+=($!)
  for _ in $(seq 600); do
    ready && break
    sleep 0.1
  done
  ready || { cat "$WORK/demo.log"; verdict "failed: the demo does not start"; exit 1; }
  TOKEN=$(<"$WORK/demo/tokens/$PARTY.jwt")
}

ready() { curl -fsS -o /dev/null -m 5 "http://127.0.0.1:$((BASE + 2))/readyz" 2>/dev/null; }

# served: an ordinary call is answered within two seconds.
served() {
  curl -fsS -o /dev/null -m 2 --cacert "$PKI/ca.pem" --cert "$PKI/parties/$PARTY/cert.pem" \
    --key "$PKI/parties/$PARTY/key.pem" -H "Authorization: Bearer $TOKEN" "$URL/v1/resources?limit=1"
}

# start_relay ALPN: plain text in, TLS with the client certificate out. Sets RELAY.
start_relay() {
  python3 "$ROOT/tests/tools/relay.py" "$BASE" "$PKI" "$PARTY" "$1" >"$WORK/relay.port" &
  STARTED+=($!)
  for _ in $(seq 100); do
    [ -s "$WORK/relay.port" ] && break
    sleep 0.1
  done
  RELAY=$(<"$WORK/relay.port")
}
