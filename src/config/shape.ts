/** Questions about a zod schema that its own API leaves open: which settings it knows, and what of a value is sound. */
import { z } from 'zod'

/** A configuration of which any part may be missing, because it was absent or wrong. List positions are kept. */
export type Salvaged<T> = T extends readonly (infer Item)[]
  ? (Salvaged<Item> | undefined)[]
  : T extends object
    ? { [Key in keyof T]?: Salvaged<T[Key]> | undefined }
    : T

/** The parts of `value` that fit the schema, with defaults filled in, so that further rules can be checked at once.
 * The names in a mapping of free names are all kept. */
export function salvage<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): Salvaged<z.output<Schema>> | undefined
export function salvage(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const inner = unwrap(schema)
  if (inner instanceof z.ZodDiscriminatedUnion && isMapping(value)) {
    const member = members(inner).find((each) => memberFits(each, inner, value))
    return member && salvage(member, value)
  }
  if (inner instanceof z.ZodObject && isMapping(value)) {
    const shape: Record<string, z.ZodType> = inner.shape
    return Object.fromEntries(Object.entries(shape).map(([key, child]) => [key, salvage(child, value[key])]))
  }
  if (inner instanceof z.ZodRecord && isMapping(value)) {
    const { valueType } = inner
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, salvage(valueType as z.ZodType, item)]))
  }
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item: unknown) => salvage(inner.element as z.ZodType, item))
  }
  return undefined
}

/** The names that the mapping at `path` may hold, or none when there is no mapping. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let here: z.ZodType | undefined = unwrap(schema)
  for (const part of path) {
    if (here instanceof z.ZodArray) here = unwrap(here.element as z.ZodType)
    else if (here instanceof z.ZodObject) here = child(here, part)
    else return []
  }
  if (here instanceof z.ZodDiscriminatedUnion)
    return [...new Set(members(here).flatMap(({ shape }) => Object.keys(shape)))]
  return here instanceof z.ZodObject ? Object.keys(here.shape) : []
}

function members(union: z.ZodDiscriminatedUnion): z.ZodObject[] {
  return union.options.filter((each) => each instanceof z.ZodObject)
}

function memberFits(member: z.ZodObject, { def }: z.ZodDiscriminatedUnion, value: Record<string, unknown>): boolean {
  const tag: unknown = member.shape[def.discriminator]
  return tag instanceof z.ZodType && tag.safeParse(value[def.discriminator]).success
}

function child(object: z.ZodObject, key: PropertyKey): z.ZodType | undefined {
  const found: unknown = object.shape[String(key)]
  return found instanceof z.ZodType ? unwrap(found) : undefined
}

/** The schema below defaults and `optional`. */
function unwrap(schema: z.ZodType): z.ZodType {
  let here = schema
  while (here instanceof z.ZodDefault || here instanceof z.ZodPrefault || here instanceof z.ZodOptional) {
    here = here.unwrap() as z.ZodType
  }
  return here
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
