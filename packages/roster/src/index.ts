/** Governed rosters: a TUF repository whose targets say who is trusted; proposing, signing, publishing, following. @packageDocumentation */
export {}
