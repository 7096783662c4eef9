import { catalogue, type Row } from './catalogue.ts'

/** Stable: once published a code keeps its meaning. */
export type FindingCode = keyof typeof catalogue

/** What was found of one thing. Made of our own words and of the configuration's: nothing that a provider said. */
export interface Finding {
  readonly code: FindingCode
  /** `untried`: nothing is known to be wrong, and it could not be shown to be right. `note`: worth knowing. */
  readonly verdict: Row['verdict']
  readonly says: string
  /** The one setting to change, and where it is. */
  readonly setting?: string
  /** A page of the documents, with its anchor. */
  readonly page: string
}

/** Names of the configuration and counts, for the gaps of a sentence. */
export type Words = Readonly<Record<string, string | number>>

/** Neither controls nor a flood: what stands in a configuration is printed on a terminal. */
const clean = (word: string | number): string => String(word).replaceAll(/\p{C}/gu, '�').slice(0, 300)

const fill = (text: string, words: Words): string =>
  text.replaceAll(/\{(\w+)\}/g, (gap, name: string) => {
    const word = words[name]
    return word === undefined ? gap : clean(word)
  })

export function finding(code: FindingCode, words: Words = {}): Finding {
  const { verdict, says, setting, page }: Row = catalogue[code]
  return {
    code,
    verdict,
    says: fill(says, words),
    ...(setting === undefined ? {} : { setting: fill(setting, words) }),
    page: `docs/${page}`,
  }
}

/** A finding that is still to be filled in. */
export interface Diagnosis {
  readonly code: FindingCode
  readonly words?: Words
}
