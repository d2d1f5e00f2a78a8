#!/bin/sh
# Once, on a person's machine; commit vouchsafe.json, vouchsafe.roster.json and package-lock.json.
set -eu
vouchsafe init --roster "${ROSTER:?name a roster file, or the URL of a node}"
vouchsafe run -- npm install
