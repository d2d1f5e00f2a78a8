import type { Guard } from "./guarding.ts"
import { guarding } from "./late.ts"
import { Configuration, type Fetcher, MultiFetcher } from "./yarn.ts"

/** Marks Yarn's classes as guarded: Yarn runs a plugin's factory twice a command, and each run makes modules of its own. */
const GUARDED = Symbol.for("@vouchsafe/yarn-plugin")

type NetworkHook = ReturnType<typeof guarding>["wrapNetworkRequest"]
type Guarded = typeof Configuration.prototype & { [GUARDED]?: NetworkHook }

/** Puts the guard before all fetchers: those of plugins come last, and Yarn takes the first that matches. */
function install(): NetworkHook {
  const prototype: Guarded = Configuration.prototype
  const installed = prototype[GUARDED]
  if (installed !== undefined) return installed
  const guard: Guard = { judgeFor: (project) => guarding().judgeFor(project), checked: new Map(), arrived: new Map() }
  const wrapNetworkRequest: NetworkHook = (execute, request) => guarding().wrapNetworkRequest(execute, request)
  const makeFetcher = prototype.makeFetcher
  prototype.makeFetcher = function (this: Configuration) {
    const { fetchers } = makeFetcher.call(this) as unknown as { readonly fetchers: readonly Fetcher[] }
    return new MultiFetcher([guarding().fetcherBefore(guard, fetchers), ...fetchers])
  }
  Object.defineProperty(prototype, GUARDED, { value: wrapNetworkRequest })
  return wrapNetworkRequest
}

// eslint-disable-next-line import/no-default-export -- Yarn reads the default export
export default { hooks: { wrapNetworkRequest: install() } }
