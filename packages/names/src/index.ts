/** Lookalike names: finds the popular name that a package's name could be taken for. @packageDocumentation */
export { LIST_LENGTH_MAX, LIST_NAMES_MAX, NAME_LENGTH_MAX, USED_NAMES_MAX } from "./limits.ts"
export { formatNameList, levelOf, LIST_FORMAT, type NameList, parseNameList, type PopularName } from "./list.ts"
export { createNames, type Names, type NamesOptions, type Resemblance, shippedNames } from "./names.ts"
