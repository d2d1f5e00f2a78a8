#!/bin/sh
# ROSTER: a roster file, or the URL of a node that you trust.
set -eu
vouchsafe init --roster "${ROSTER:?name a roster file, or the URL of a node}"
vouchsafe run -- npm install
vouchsafe check
vouchsafe run -- npm ci
node index.js
