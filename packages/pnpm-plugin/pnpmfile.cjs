'use strict'
// The guard is core.mjs. pnpm pins this file by checksum in every lockfile, so it never changes.
let core
const ask = async (hook, ...args) => {
  let r
  try {
    core ??= /[/\\]\.pnpmfile\.cjs$/.test(__filename) ? import('./.vouchsafe/core.mjs') : import('./dist/core.mjs')
    r = await (await core)[hook](...args)
  } catch (e) {
    r = { code: 'CONFIG_INVALID', text: 'CONFIG_INVALID: vouchsafe could not run: ' + e?.message }
  }
  if (r?.ok === true) return args[0]
  const e = new Error(r?.text)
  e.code = 'ERR_PNPM_VOUCHSAFE_' + r?.code
  e.hint = r?.hint
  e.stack = e.message
  throw e
}
const hook = name => arg => ask(name, arg)
module.exports = {
  hooks: {
    updateConfig: c => process.argv[1] && c.sharedWorkspaceLockfile !== false ? c : ask('updateConfig', c),
    preResolution: hook('preResolution'),
    readPackage: hook('readPackage'),
    afterAllResolved: hook('afterAllResolved')
  },
  fetchers: [{ canFetch: async (...args) => (await ask('canFetch', ...args), false), fetch() {} }]
}
