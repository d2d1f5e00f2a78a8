/** Lookalike names: finds the popular name that a package's name could be taken for. @packageDocumentation */
export {}
