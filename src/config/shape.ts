import { z } from 'zod'
import type { Path } from './document.ts'
import { configSchema } from './schema/root.ts'

/** The part of JSON Schema (draft 2020-12) that our own schema uses. */
export interface Shape {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Shape | false
  readonly propertyNames?: Shape
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
}

/** The JSON Schema of the configuration, as it is shipped in schema/v1.json. */
export function jsonSchema(): Shape {
  return z.toJSONSchema(configSchema, { io: 'input' }) as Shape
}

/** Every map, list, text or choice that may stand at a path. */
export function shapesAt(root: Shape, path: Path): readonly Shape[] {
  let shapes = alternatives(root)
  for (const step of path) {
    shapes = shapes.flatMap((shape) => {
      const next =
        typeof step === 'number'
          ? shape.items
          : (shape.properties?.[step] ?? (shape.additionalProperties || undefined))
      return next === undefined ? [] : alternatives(next)
    })
  }
  return shapes
}

/** The keys that a map at the path may have. */
export function knownKeys(root: Shape, path: Path): readonly string[] {
  return shapesAt(root, path).flatMap((shape) => Object.keys(shape.properties ?? {}))
}

function alternatives(shape: Shape): readonly Shape[] {
  return shape.anyOf === undefined ? [shape] : shape.anyOf.flatMap(alternatives)
}
