import { expect, test } from "vitest"
import { fakeNode } from "./support/fake-node.ts"
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const WHOLE = { version: "1.2.3", roles: { attester: true, witness: true }, log: { size: 7, cosignedAgeSeconds: 2 }, notices: { size: 1, cosignedAgeSeconds: 3 } }

test.each([
  { name: "a node with all its roles", json: WHOLE, says: /version 1\.2\.3; 7 statements, cosigned 2 s ago; 1 notices, cosigned 3 s ago$/m },
  { name: "roles that are off", json: { ...WHOLE, roles: { attester: false, witness: false } }, says: /cosigned 3 s ago; attester off; witness off$/m },
  { name: "a node of an older version", json: { version: "0.1.0" }, says: /version 0\.1\.0; \? statements, cosigned \? s ago; \? notices, cosigned \? s ago$/m },
  { name: "control characters, escaped", json: { ...WHOLE, version: "1\u001b[2J" }, says: /version 1\\u\{1b\}\[2J; /m },
])("status says at a glance: $name", async ({ json, says }) => {
  const { url } = await fakeNode(({ path }) => (path === "/v1/status" ? { json } : undefined))
  const ran = await vouchsafe(dir, ["status", "--node", url])
  expect([ran.status, ran.out]).toEqual([0, expect.stringMatching(says)])
  expect(documentIn((await vouchsafe(dir, ["status", "--node", url, "--json"])).out)).toMatchObject({ nodes: [{ reached: true, status: json }] })
})

test("a node that does not answer so is not reached, exit 3", async () => {
  const { url } = await fakeNode(() => undefined)
  expect(await vouchsafe(dir, ["status", "--node", url])).toMatchObject({ status: 3, out: expect.stringContaining("not reached: answered 404, expected 200") as string })
})
