/** What a template may hold: text is escaped, `Html` stands as it is, nothing is left for `undefined` and `false`. */
export type Piece = string | number | Html | undefined | false | readonly Piece[]

/** Text that is safe to stand in a page. Only `html` makes one, so that what was not escaped does not compile. */
export class Html {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  static join(strings: readonly string[], pieces: readonly Piece[]): Html {
    let text = strings[0] ?? ''
    pieces.forEach((piece, at) => {
      text += written(piece) + (strings[at + 1] ?? '')
    })
    return new Html(text)
  }

  toString(): string {
    return this.#text
  }
}

/**
 * A piece of a page. Every value is escaped for text and for quoted attributes alike; attributes are always written
 * in double quotes. A URL in `href` is not checked here: whoever takes one from outside does that.
 */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return Html.join(strings, pieces)
}

function written(piece: Piece): string {
  if (piece === undefined || piece === false) return ''
  if (piece instanceof Html) return piece.toString()
  if (typeof piece === 'object') return piece.map(written).join('')
  return String(piece).replace(/[&<>"']/g, (sign) => entities[sign] ?? '')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
