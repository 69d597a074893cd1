import type { SimulationResult } from '../result.ts'

/** A page of its own; until it is drawn, the bare result. */
export function renderReport(result: SimulationResult): string {
  return `<!doctype html><title>simulation</title><pre>${JSON.stringify(result.strategies.length)}</pre>`
}
