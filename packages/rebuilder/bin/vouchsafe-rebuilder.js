#!/usr/bin/env node
// In git, unlike the build beside it, so that package managers can link the command before the first build.
import "../dist/vouchsafe-rebuilder.mjs"
