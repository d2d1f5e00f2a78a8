// Vouchsafe
let core
const ask = async (h, ...a) => {
	let r
	try {
		core ??= import((__filename.endsWith('.pnpmfile.cjs') ? './.vouchsafe' : './dist') + '/core.mjs')
		r = await (await core)[h](...a)
	} catch (e) {
		r = { code: 'CONFIG_INVALID', text: 'CONFIG_INVALID: no guard: ' + e }
	}
	if (r?.ok === true) return a[0]
	throw Object.assign(Error(r?.text), r, { code: 'ERR_PNPM_VOUCHSAFE_' + r?.code, stack: r?.text })
}
const on = h => a => ask(h, a)
const no = (h, f) => [{ [h]: async (...a) => void await ask(h, ...a), [f]() {} }]
exports.hooks = {
	updateConfig: c => process.argv[1] && c.sharedWorkspaceLockfile !== false ? c : ask('updateConfig', c),
	preResolution: on('preResolution'),
	readPackage: on('readPackage'),
	afterAllResolved: on('afterAllResolved'),
	fetchers: { remoteTarball: d => async (s, r, o) => (await ask('canFetch', o.pkg, r), d.defaultFetchers.remoteTarball(s, r, o)) }
}
exports.resolvers = no('canResolve', 'resolve')
exports.fetchers = no('canFetch', 'fetch')
