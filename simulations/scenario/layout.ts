/** Which nodes and racks a scenario has, before anything is drawn. Pure. */
import type { Group, Scenario } from './schema.ts'

/** A node before it is a host of the cluster; rates are bytes a second. */
export interface Place {
  readonly name: string
  readonly group: Group
  /** Of its group, from 0. */
  readonly number: number
  readonly rack: number
  readonly upBytes: number
  readonly downBytes: number
}

export interface RackPlace {
  readonly name: string
  readonly upBytes: number
  readonly downBytes: number
}

export interface Layout {
  /** The builder is not among them. */
  readonly nodes: readonly Place[]
  readonly racks: readonly RackPlace[]
  readonly builderRack: number
}

/**
 * Shared racks come first, then those of groups that have their own, then the builder's place, if it has one for itself.
 * Nodes are put into racks in their order, as evenly as it goes.
 */
export function layoutOf({ network, builder, groups }: Scenario): Layout {
  const nodes: Place[] = []
  const shared = groups.filter(({ racks }) => racks === undefined)
  const sharedNodes = shared.reduce((sum, group) => sum + group.nodes, 0)
  const sharedRacks = Math.min(network.racks, sharedNodes)
  const names: string[] = Array.from({ length: sharedRacks }, (_, i) => `rack-${i + 1}`)
  const links: Pick<Group, 'oversubscription' | 'uplink'>[] = names.map(() => network)
  for (const group of groups) {
    const own = group.racks === undefined ? undefined : Math.min(group.racks, group.nodes)
    const first = own === undefined ? 0 : names.length
    const racks = own ?? sharedRacks
    for (let i = 0; i < (own ?? 0); i++) {
      names.push(`${group.name}-rack-${i + 1}`)
      links.push(group)
    }
    for (let number = 0; number < group.nodes; number++) {
      nodes.push({
        name: `${group.name}-${number + 1}`,
        group,
        number,
        rack: first + Math.floor((number * racks) / group.nodes),
        upBytes: group.up ?? network.up,
        downBytes: group.down ?? network.down,
      })
    }
  }
  const racks: RackPlace[] = names.map((name, rack) => {
    const { oversubscription, uplink } = links[rack]!
    const inside = nodes.filter((node) => node.rack === rack)
    const rate = (of: 'upBytes' | 'downBytes'): number => {
      if (oversubscription === undefined) return uplink ?? Number.POSITIVE_INFINITY
      return inside.reduce((sum, node) => sum + node[of], 0) / oversubscription
    }
    return { name, upBytes: rate('upBytes'), downBytes: rate('downBytes') }
  })
  const ownPlace = builder.rack === undefined && racks.length > 1
  if (ownPlace) {
    racks.push({ name: 'builder', upBytes: Number.POSITIVE_INFINITY, downBytes: Number.POSITIVE_INFINITY })
  }
  return { nodes, racks, builderRack: ownPlace ? racks.length - 1 : (builder.rack ?? 0) }
}

/** The scenario with so many nodes in all; its groups keep their proportions, and each has one at least. */
export function withNodes(scenario: Scenario, nodes: number): Scenario {
  const all = scenario.groups.reduce((sum, group) => sum + group.nodes, 0)
  let before = 0
  let given = 0
  const groups = scenario.groups.map((group) => {
    before += group.nodes
    const count = Math.max(1, Math.round((before / all) * nodes) - given)
    given += count
    return { ...group, nodes: count }
  })
  return { ...scenario, groups }
}
