/**
 * Reads the logos of IdPs. Owns what a logo may be: a small PNG, JPEG, WebP or SVG file, told by its content and never by
 * its name. How one is served is left to `pages/logos.ts`.
 */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Problem } from './problem.ts'
import type { Config } from './schema.ts'
import type { Salvaged } from './shape.ts'
import { problemAt } from './shown.ts'

export interface LogoFile {
  readonly type: 'image/png' | 'image/jpeg' | 'image/webp' | 'image/svg+xml'
  readonly body: Buffer
}

const MAX_KIB = 128

/** Every logo that cannot be used. @param folder where relative paths start */
export function checkLogos({ idps }: Salvaged<Pick<Config, 'idps'>>, folder = '.'): Problem[] {
  return [...(idps ?? []).entries()].flatMap(([index, idp]) => {
    const logo = idp?.logo
    const found = typeof logo === 'string' ? readLogo(resolve(folder, logo)) : undefined
    return found && 'remedy' in found ? [problemAt(`idps[${index}].logo`, logo, found.remedy)] : []
  })
}

/** The logos by the id of their IdP. One that cannot be used is left out; {@link checkLogos} tells why. */
export function readLogos({ idps }: Pick<Config, 'idps'>): ReadonlyMap<string, LogoFile> {
  const logos = new Map<string, LogoFile>()
  for (const { id, logo } of idps) {
    const found = logo === undefined ? undefined : readLogo(logo)
    if (found && 'body' in found) logos.set(id, found)
  }
  return logos
}

function readLogo(file: string): LogoFile | { readonly remedy: string } {
  let body: Buffer
  try {
    const stats = statSync(file)
    if (!stats.isFile()) return { remedy: 'Name a file.' }
    if (stats.size > MAX_KIB * 1024) return { remedy: `Use a file of at most ${MAX_KIB} KiB; everybody waits for it.` }
    body = readFileSync(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    if (code === 'ENOENT') return { remedy: `Create the file ${file}; it does not exist.` }
    return { remedy: `Make ${file} a file that this process may read (${code}).` }
  }
  const type = typeOf(body)
  return type ? { type, body } : { remedy: 'Use a PNG, JPEG, WebP or SVG file; this one holds something else.' }
}

/** By the first bytes, as a browser would if it were allowed to guess. */
function typeOf(body: Buffer): LogoFile['type'] | undefined {
  const starts = (hex: string) => body.toString('hex', 0, hex.length / 2) === hex
  if (starts('89504e470d0a1a0a')) return 'image/png'
  if (starts('ffd8ff')) return 'image/jpeg'
  if (starts('52494646') && body.toString('latin1', 8, 12) === 'WEBP') return 'image/webp'
  return isSvg(body) ? 'image/svg+xml' : undefined
}

/** UTF-8 with an `svg` element as its root, behind nothing but a declaration, a document type and comments. */
function isSvg(body: Buffer): boolean {
  const text = body.toString('utf8')
  if (text.includes('\ufffd')) return false
  return /^\ufeff?\s*(<\?xml[^>]*\?>\s*)?(<!--(?:(?!-->)[\s\S])*-->\s*|<!DOCTYPE svg[^>[]*>\s*)*<svg[\s>]/.test(text)
}
