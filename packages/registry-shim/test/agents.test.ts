import { createServer as createHttpServer } from "node:http"
import { createServer as createHttpsServer } from "node:https"
import { connect, type AddressInfo } from "node:net"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { configuredAgents } from "../src/agents.ts"
import { readWhole } from "../src/body.ts"
import { createUpstream } from "../src/upstream.ts"
import { CERTIFICATE, KEY } from "./tls.ts"

const dir = mkdtempSync(join(tmpdir(), "vs-agents-"))
const cafile = join(dir, "ca.pem")
writeFileSync(cafile, CERTIFICATE)
const closing: (() => void)[] = []
afterEach(() => { for (const close of closing.splice(0)) close() })

/** A registry over TLS that nobody can resolve, and a proxy that knows the way. */
async function world(): Promise<{ proxy: string; asked: string[]; authorization: (string | undefined)[] }> {
  const registry = createHttpsServer({ cert: CERTIFICATE, key: KEY }, (_request, response) => response.end("tls"))
  await new Promise<void>((resolve) => { registry.listen(0, "127.0.0.1", resolve) })
  const asked: string[] = []
  const authorization: (string | undefined)[] = []
  const proxy = createHttpServer((_request, response) => response.writeHead(500).end())
  proxy.on("connect", ({ url, headers }, socket) => {
    asked.push(url ?? "")
    authorization.push(headers["proxy-authorization"])
    if (headers["proxy-authorization"] === "Basic YmFkOmJhZA==") { socket.end("HTTP/1.1 407 No\r\n\r\n"); return }
    const out = connect((registry.address() as AddressInfo).port, "127.0.0.1", () => { socket.write("HTTP/1.1 200 OK\r\n\r\n"); socket.pipe(out).pipe(socket) })
    for (const end of [socket, out]) end.on("error", () => { socket.destroy(); out.destroy() })
  })
  await new Promise<void>((resolve) => { proxy.listen(0, "127.0.0.1", resolve) })
  closing.push(() => { registry.closeAllConnections(); registry.close(); proxy.closeAllConnections(); proxy.close() })
  return { proxy: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked, authorization }
}
async function get(settings: Record<string, unknown>, env: Record<string, string> = {}): Promise<string> {
  const upstream = createUpstream({
    registries: { default: "https://registry.example/", scopes: {}, registryFor: () => "", credentialsFor: () => undefined },
    agents: configuredAgents({ raw: (key) => settings[key], env }),
  })
  closing.push(() => upstream.close())
  const response = await upstream.get({ url: "https://registry.example/x", registry: "https://registry.example/" })
  return (await readWhole(response, 100)).toString()
}

describe("a proxy of the person's configuration", () => {
  test("is gone through, with its credentials, and TLS is checked behind it", async () => {
    const { proxy, asked, authorization } = await world()
    expect(await get({ "https-proxy": `http://me:s%40e@${proxy}`, cafile })).toBe("tls")
    expect(asked).toEqual(["registry.example:443"])
    expect(authorization).toEqual([`Basic ${Buffer.from("me:s@e").toString("base64")}`])
    expect(await get({ ca: CERTIFICATE }, { HTTPS_PROXY: `http://${proxy}` })).toBe("tls")
  })
  test("without the authority, nothing is trusted; strict-ssl=false is the person's word", async () => {
    const { proxy } = await world()
    await expect(get({ "https-proxy": `http://${proxy}` })).rejects.toMatchObject({ code: "UNREACHABLE" })
    expect(await get({ "https-proxy": `http://${proxy}`, "strict-ssl": false })).toBe("tls")
  })
  test("that refuses, or is not there, is an error", async () => {
    const { proxy } = await world()
    await expect(get({ "https-proxy": `http://bad:bad@${proxy}`, cafile })).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("407") as string })
    await expect(get({ "https-proxy": "http://127.0.0.1:1", cafile })).rejects.toMatchObject({ code: "UNREACHABLE" })
  })
  test("is not asked for hosts that it is not for", async () => {
    const { proxy, asked } = await world()
    for (const noproxy of ["registry.example", ".example", ["other.example", "example"]]) await expect(get({ "https-proxy": `http://${proxy}`, noproxy, cafile })).rejects.toMatchObject({ code: "UNREACHABLE" })
    expect(asked).toEqual([])
    expect(await get({ "https-proxy": `http://${proxy}`, noproxy: "ample,other.example", cafile })).toBe("tls")
  })
  test.each(["ftp://x", "nonsense", "https://127.0.0.1:1"])("%s is none", (proxy) => {
    expect(() => configuredAgents({ raw: (key) => (key === "proxy" ? proxy : undefined), env: {} })).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }))
  })
})

test("certificates that cannot be read are an error", () => {
  expect(() => configuredAgents({ raw: (key) => (key === "cafile" ? join(dir, "none") : undefined), env: {} })).toThrow(expect.objectContaining({ code: "DISK" }))
  rmSync(dir, { recursive: true })
})
