'use strict'
// Loads the guard. Lockfiles pin this file.
let core
const ask = async (hook, ...args) => {
  let r
  try {
    core ??= import(__filename.endsWith('.pnpmfile.cjs') ? './.vouchsafe/core.mjs' : './dist/core.mjs')
    r = await (await core)[hook](...args)
  } catch (e) {
    r = { code: 'CONFIG_INVALID', text: 'CONFIG_INVALID: no guard: ' + e?.message }
  }
  if (r?.ok === true) return args[0]
  const e = Error(r?.text)
  throw Object.assign(e, { code: 'ERR_PNPM_VOUCHSAFE_' + r?.code, hint: r?.hint, stack: e.message })
}
const on = h => a => ask(h, a)
const no = (h, f) => [{ [h]: async (...a) => (await ask(h, ...a), false), [f]() {} }]
// pnpm 10 fetches before it asks
const get = f => async (s, r, o) => (await ask('canFetch', o.pkg.name + '@' + o.pkg.version, r), f(s, r, o))
module.exports = {
  hooks: {
    updateConfig: c => process.argv[1] && c.sharedWorkspaceLockfile !== false ? c : ask('updateConfig', c),
    preResolution: on('preResolution'),
    readPackage: on('readPackage'),
    afterAllResolved: on('afterAllResolved'),
    fetchers: { remoteTarball: ({ defaultFetchers: d }) => get(d.remoteTarball) }
  },
  resolvers: no('canResolve', 'resolve'),
  fetchers: no('canFetch', 'fetch')
}
