import { fetcherBefore, type Guard } from "./guard.ts"
import { wrapNetworkRequest } from "./network.ts"
import { judgeFor } from "./node.ts"
import { Configuration, type Fetcher, MultiFetcher } from "./yarn.ts"

/** Marks Yarn's classes as guarded: Yarn runs a plugin's factory twice a command, and each run makes modules of its own. */
const GUARDED = Symbol.for("@vouchsafe/yarn-plugin")

type Guarded = typeof Configuration.prototype & { [GUARDED]?: typeof wrapNetworkRequest }

/** Puts the guard before all fetchers: those of plugins come last, and Yarn takes the first that matches. */
function install(): typeof wrapNetworkRequest {
  const prototype: Guarded = Configuration.prototype
  const installed = prototype[GUARDED]
  if (installed !== undefined) return installed
  const guard: Guard = { judgeFor, checked: new Map(), arrived: new Map() }
  const makeFetcher = prototype.makeFetcher
  prototype.makeFetcher = function (this: Configuration) {
    const { fetchers } = makeFetcher.call(this) as unknown as { readonly fetchers: readonly Fetcher[] }
    return new MultiFetcher([fetcherBefore(guard, fetchers), ...fetchers])
  }
  Object.defineProperty(prototype, GUARDED, { value: wrapNetworkRequest })
  return wrapNetworkRequest
}

// eslint-disable-next-line import/no-default-export -- Yarn reads the default export
export default { hooks: { wrapNetworkRequest: install() } }
