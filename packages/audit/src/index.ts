/** Files on disk against what was attested: node_modules, pnpm's store layout, Yarn's archives, a container's folder. @packageDocumentation */
export {}
