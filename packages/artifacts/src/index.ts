/** Tarballs by digest: kept within a quota, fetched from several peers in verified chunks. @packageDocumentation */
export {}
