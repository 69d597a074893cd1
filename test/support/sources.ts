/** The project's own source files and what they import, for the tests that hold the architecture. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

export interface Import {
  /** As it is written: './x.ts', 'node:fs', 'zod'. */
  readonly specifier: string
  /** 'type': gone when types are stripped. */
  readonly kind: 'static' | 'dynamic' | 'type'
}

export interface Source {
  /** Relative to the checkout, with slashes. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

/** All TypeScript files below folders of the checkout. */
export function sourcesOf(...folders: string[]): Source[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }))
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8')
      return { path, text, imports: importsOf(text) }
    })
}

/** Where a relative import leads, relative to the checkout; undefined for packages. */
export function target(source: Source, { specifier }: Import): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return relative(ROOT, resolve(ROOT, dirname(source.path), specifier))
}

const STATEMENT = /^[ \t]*(?:import|export)\b(\s+type\b)?(?:[^'"`;()=]*?\bfrom)?\s*(['"])([^'"\n]+)\2/gm
const CALL = /\b(?:import|require)\s*\(\s*(['"`])([^'"`\n]+)\1/g
const WORKER = /\bnew URL\(\s*(['"`])(\.[^'"`\n]+\.ts)\1\s*,\s*import\.meta\.url/g

/** Import specifiers of a source: import and export … from, side-effect imports, import() and new URL() of a module. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text)
  const found: Import[] = []
  for (const [, type, , specifier = ''] of code.matchAll(STATEMENT)) {
    found.push({ specifier, kind: type === undefined ? 'static' : 'type' })
  }
  for (const pattern of [CALL, WORKER]) {
    // A type may be written import('x').Y; it counts as dynamic, which forbids more, never less.
    for (const [, , specifier = ''] of code.matchAll(pattern)) found.push({ specifier, kind: 'dynamic' })
  }
  return found
}

/** Removes whole-line comments and block comments; enough for code that biome has formatted. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^[ \t]*\/\*[\s\S]*?\*\//gm, '').replaceAll(/(^|[ \t])\/\/.*$/gm, '$1')
}
