/**
 * Yarn's own modules. The bundle gets them through the `require` that Yarn hands to a plugin's factory, so that guard and
 * Yarn share one `Configuration`.
 *
 * @packageDocumentation
 */
import { Configuration, hashUtils, MessageName, MultiFetcher, ReportError, structUtils } from "@yarnpkg/core"
import type { Cache, Fetcher, FetchOptions, FetchResult, Locator, Project, Report } from "@yarnpkg/core"
import { npath, ppath, xfs } from "@yarnpkg/fslib"
import { npmConfigUtils, NpmSemverFetcher } from "@yarnpkg/plugin-npm"

export { Configuration, hashUtils, MessageName, MultiFetcher, npmConfigUtils, NpmSemverFetcher, npath, ppath, ReportError, structUtils, xfs }
export type { Cache, Fetcher, FetchOptions, FetchResult, Locator, Project, Report }

/** The inside of an archive. */
export type PackageFs = FetchResult["packageFs"]
/** A path with slashes, as Yarn uses it on all systems. */
export type PortablePath = FetchResult["prefixPath"]
