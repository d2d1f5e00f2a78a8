/**
 * The list of popular names that a node compares with: the shipped one, or a newer one that a governed roster delivers (spec/names.md, "Updates").
 *
 * @packageDocumentation
 */
import { isVouchsafeError } from "@vouchsafe/core"
import { createNames, type Names, parseNameList, shippedNames } from "@vouchsafe/names"
import type { Logger } from "../logger.ts"

/** Names as they are known now. */
export interface CurrentNames {
  readonly lookalike: Names["lookalike"]
  /** Takes the text of a verified list where its day is later than that of the list in use; what does not parse changes nothing. */
  offer(text: string | undefined): void
  status(): { readonly day: string; readonly from: "shipped" | "roster" }
}

/** Begins with the shipped list. */
export function createCurrentNames(logger: Pick<Logger, "info" | "warn">): CurrentNames {
  let names = createNames()
  let inUse: { day: string; from: "shipped" | "roster" } | undefined
  let offered: string | undefined
  const status = () => inUse ??= { day: shippedNames().day, from: "shipped" }
  return {
    lookalike: (name) => names.lookalike(name),
    status,
    offer(text) {
      if (text === undefined || text === offered) return
      offered = text
      try {
        const list = parseNameList(text)
        if (list.day <= status().day) return
        names = createNames({ list })
        inUse = { day: list.day, from: "roster" }
        logger.info({ day: list.day, names: list.names.length }, "observations compare with a newer list of popular names")
      } catch (error) {
        if (!isVouchsafeError(error)) throw error
        logger.warn({ code: error.code, why: error.message }, "the roster's list of popular names is not used")
      }
    },
  }
}
