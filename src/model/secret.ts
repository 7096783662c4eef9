/**
 * A value that must never be seen: a token, key, password or ciphertext key.
 *
 * Printing it in a structure (JSON, `util.inspect`) shows a marker; turning it into text (`${secret}`, `+`,
 * a header value, `String(secret)`) throws, so that a mistake fails loudly instead of sending "[secret]".
 * `reveal()` is the one door; a rule allows it in the files named in `eslint.config.js` only.
 *
 * Limits: JavaScript strings cannot be wiped, and heap dumps and inspectors are outside this type's power.
 */
export class Secret<T extends string | Uint8Array = string> {
  readonly #value: T
  /** What kind of secret this is, for logs: `refresh token`, `static key`. Never part of the value. */
  readonly label: string

  constructor(value: T, label: string) {
    this.#value = value
    this.label = label
  }

  reveal(): T {
    return this.#value
  }

  toJSON(): string {
    return `[secret: ${this.label}]`
  }

  toString(): never {
    throw new TypeError(`a secret (${this.label}) was used as text`)
  }

  [Symbol.toPrimitive](): never {
    return this.toString()
  }

  /** `util.inspect.custom` is a registered symbol, so no Node import is needed here. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toJSON()
  }
}
