#!/bin/sh
# ROSTER: a roster file, or the URL of a node that you trust.
set -eu
vouchsafe init --roster "${ROSTER:?name a roster file, or the URL of a node}"
yarn install
vouchsafe doctor
yarn install --immutable
yarn node index.js
