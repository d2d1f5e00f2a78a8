#!/bin/sh
# What a CI job runs in a fresh checkout. Any refusal ends it with a status above 0 and a report.
set -eu
[ -f vouchsafe.json ] || sh prepare.sh
rm -rf node_modules
vouchsafe doctor
vouchsafe check --json > vouchsafe-report.json
vouchsafe run -- npm ci
node index.js
