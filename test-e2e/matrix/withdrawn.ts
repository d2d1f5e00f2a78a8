import type { World } from "../support/index.ts"

/** Lets one operator withdraw `zz-gone`, after the network has seen it: its bytes are honest, and nobody may install it any more. */
export async function withdrawGone(world: World): Promise<void> {
  const built = world.registry.built("zz-gone", "1.0.0")
  if (built === undefined) throw new Error("the registry holds no zz-gone")
  await world.network.withdraw("beta", { purl: "pkg:npm/zz-gone@1.0.0", registry: world.registry.url, sha512: built.sha512, reason: "its maintainer asked for it" })
}
