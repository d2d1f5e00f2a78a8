// Vouchsafe
let core
const ask = async (h, ...a) => {
	core ??= import((__filename.endsWith('.pnpmfile.cjs') ? './.vouchsafe' : './dist') + '/core.mjs')
	const r = await core.then(m => m[h](...a)).catch(e => ({ code: 'CONFIG_INVALID', text: 'CONFIG_INVALID: no guard: ' + e }))
	if (r?.ok === true) return a[0]
	throw Object.assign(Error(r?.text), r, { code: 'ERR_PNPM_VOUCHSAFE_' + r?.code, stack: r?.text })
}
const no = (h, f) => [{ [h]: async (...a) => void await ask(h, ...a), [f]() {} }]
const on = exports.hooks = { fetchers: {}, updateConfig: c => process.argv[1] && c.sharedWorkspaceLockfile !== false ? c : ask('updateConfig', c) }
for (const h of ['preResolution', 'readPackage', 'afterAllResolved']) on[h] = a => ask(h, a)
for (const f of ['remoteTarball', 'gitHostedTarball', 'git']) on.fetchers[f] = d => async (s, r, o) => (await ask('canFetch', o.pkg, r), d.defaultFetchers[f](s, r, o))
exports.resolvers = no('canResolve', 'resolve')
exports.fetchers = no('canFetch', 'fetch')
