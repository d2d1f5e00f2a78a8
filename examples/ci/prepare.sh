#!/bin/sh
# Once, on a person's machine; commit what it writes: vouchsafe.json, vouchsafe.roster.json, .vouchsafe and package-lock.json.
set -eu
vouchsafe init --roster "${ROSTER:?name a roster file, or the URL of a node}"
vouchsafe run -- npm install
