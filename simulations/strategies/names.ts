/** The strategies that a scenario can name, in the order in which they are shown. */
export const STRATEGY_NAMES = ['http', 'caches', 'tree', 'chain', 'bittorrent', 'hotblock-whole', 'hotblock'] as const
export type StrategyName = (typeof STRATEGY_NAMES)[number]
