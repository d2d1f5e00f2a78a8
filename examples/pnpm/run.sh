#!/bin/sh
# ROSTER: a roster file, or the URL of a node that you trust.
set -eu
vouchsafe init --roster "${ROSTER:?name a roster file, or the URL of a node}"
pnpm install
vouchsafe doctor
pnpm install --frozen-lockfile
node index.js
