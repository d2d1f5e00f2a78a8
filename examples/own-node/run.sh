#!/bin/sh
# A node of your own, and a project that trusts it alone. PORT and NODE_FLAGS are optional.
set -eu
url="http://127.0.0.1:${PORT:-4790}/"
vouchsafe node --data ./node-data --operator "${OPERATOR:-me}" --listen "127.0.0.1:${PORT:-4790}" --url "$url" ${NODE_FLAGS:-} > node.out 2> node.log &
node=$!
trap 'kill "$node"; wait "$node"' EXIT
tries=0
until grep -q '"event":"ready"' node.out; do
  tries=$((tries + 1))
  [ "$tries" -le 60 ] || { cat node.log >&2; exit 1; }
  sleep 1
done
vouchsafe init --roster "$url"
vouchsafe run -- npm install
vouchsafe explain picocolors@1.1.1
vouchsafe log verify
node index.js
