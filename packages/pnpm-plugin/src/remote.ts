/** Repositories and URLs, as manifests write them: schemes, `git@host:…`, and `user/repository`. */
const REMOTE = /^(?:https?:|git[+@:]|ssh:|github:|gitlab:|bitbucket:|gist:|[^@:/\s.~][^@:/\s]*\/[^@:/\s#]+(?:#.*)?$)/i

/** Tells whether a manifest asks for a URL or a repository: nobody knows a digest of what that yields before it is there. */
export function isRemote(specifier: unknown): boolean {
  return typeof specifier === "string" && REMOTE.test(specifier)
}
