/** Prints the README's table of failure codes from the catalogue: node test/support/failure-table.ts */
import { FAILURES } from '../../protocols/errors.ts'

export function failureTable(): string {
  const rows = Object.entries(FAILURES).map(([code, { exit, hint }]) => `| ${code} | ${exit} | ${hint} |`)
  return ['| code | exit | what to do |', '|---|---|---|', ...rows].join('\n')
}

if (import.meta.main) console.log(failureTable())
