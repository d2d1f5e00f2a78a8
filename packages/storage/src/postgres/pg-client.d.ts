// The client alone: the package's main module also loads its pool, which is not used here.
declare module "pg/lib/client.js" {
  import { Client } from "pg"

  // eslint-disable-next-line import/no-default-export -- the module is CommonJS and exports the class itself
  export default Client
}
