import type { FakeRegistry, FixturePackage, RegistryOptions } from "@vouchsafe/testkit/registry"
import { join } from "node:path"
import { FIXTURES } from "./fixtures.ts"
import { removeFolder, temporaryFolder } from "./folders.ts"
import { type Network, type NodeConfigs, startNetwork } from "./network.ts"
import { startWorldRegistry } from "./registry.ts"
import { node24, type Runtime } from "./runtimes.ts"
import { createSandbox, type Sandbox } from "./sandbox.ts"
import { installTool, type Tool } from "./tool.ts"

/** Everything that a scenario needs: a registry that can lie, an installed Vouchsafe, and four nodes of four operators. */
export interface World {
  readonly dir: string
  readonly registry: FakeRegistry
  readonly tool: Tool
  readonly network: Network
  readonly runtime: Runtime
  /** A further account on the same machine. */
  sandbox(name: string, more?: { readonly npmrc?: readonly string[]; readonly yarnrc?: readonly string[]; readonly registry?: string }): Sandbox
  close(): Promise<void>
}

/** npm 12 runs no package's scripts unless told to, which would hide what an attack does. */
const SETTINGS = ["dangerously-allow-all-scripts=true"]

export async function openWorld(name: string, more: { readonly packages?: readonly FixturePackage[]; readonly network?: readonly string[]; readonly registry?: RegistryOptions; readonly nodeConfig?: NodeConfigs | ((registry: string) => NodeConfigs) } = {}): Promise<World> {
  const runtime = node24()
  const registry = await startWorldRegistry([...FIXTURES, ...more.packages ?? []], more.registry)
  const dir = temporaryFolder(name)
  const sandbox: World["sandbox"] = (account, options = {}) => createSandbox(join(dir, account), { registry: registry.url, nodeRuntime: runtime, ...options, npmrc: [...SETTINGS, ...options.npmrc ?? []] })
  const operator = sandbox("op")
  const cleanUp = async (): Promise<void> => {
    await registry.close()
    removeFolder(dir)
  }
  try {
    const tool = await installTool(operator, runtime)
    const nodeConfig = typeof more.nodeConfig === "function" ? more.nodeConfig(registry.url) : more.nodeConfig
    const network = await startNetwork({ tool, sandbox: operator, runtime, registry: registry.url, folder: join(dir, "net"), more: more.network ?? [], ...(nodeConfig === undefined ? {} : { nodeConfig }) })
    return {
      dir, registry, tool, network, runtime, sandbox,
      async close() {
        try {
          await network.stop()
        } finally {
          await cleanUp()
        }
      },
    }
  } catch (error) {
    await cleanUp()
    throw error
  }
}
