import type { StatusReport } from './api.ts'

/** Prometheus text of what status says. A registry of its own: several nodes in one process do not share it. */
export async function metricsText(status: StatusReport, offenders: number): Promise<string> {
  // Loaded late: most nodes are never asked.
  const { Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  const gauge = (name: string, help: string, value: number): void => {
    new Gauge({ name: `hotblock_${name}`, help, registers: [registry] }).set(value)
  }
  gauge('uptime_seconds', 'Time since the daemon started', status.uptimeSeconds)
  gauge('connections', 'Open connections to peers', status.connections)
  gauge('dht_peers', 'Peers in the routing table', status.dht.peers)
  gauge('dht_advertised_keys', 'Keys that this node advertises', status.dht.advertisedKeys)
  gauge('dht_provider_records', 'Provider records that this node keeps for others', status.dht.providerRecords)
  gauge('images_complete', 'Complete images', status.images.complete)
  gauge('images_partial', 'Images that are being fetched', status.images.partial)
  gauge('transfers', 'Running fetches', status.transfers.length)
  gauge('wants', 'Names that prefetch waits for', status.wants.length)
  gauge('served_bytes', 'Bytes of frames sent to peers since the start', status.served.bytes)
  gauge('served_blocks', 'Blocks sent to peers since the start', status.served.blocks)
  gauge('served_refused', 'Requests of peers that were refused since the start', status.served.refused)
  gauge('frames_bytes', 'Disk space of packed frames', status.frames.bytes)
  gauge('frames_kept', 'Frames served as they lay there since the start', status.frames.kept)
  gauge('frames_made', 'Frames packed since the start', status.frames.made)
  gauge('frames_packing', 'Published images that are not packed yet', status.frames.packing)
  gauge('store_image_bytes', 'Disk space of images', status.store.imageBytes)
  gauge('store_index_bytes', 'Disk space of the index', status.store.indexBytes)
  gauge('store_free_bytes', 'Free space of the file system', status.store.freeBytes)
  gauge('store_indexed_blocks', 'Blocks in the index', status.store.indexedBlocks)
  gauge('memory_rss_bytes', 'Resident memory', status.memory.rssBytes)
  gauge('memory_heap_bytes', 'JavaScript heap in use', status.memory.heapBytes)
  gauge('offenders', 'Peers that are left alone because they broke the rules', offenders)
  const labelled = (name: string, help: string, label: string, values: Readonly<Record<string, number>>): void => {
    const each = new Gauge({ name: `hotblock_${name}`, help, labelNames: [label], registers: [registry] })
    for (const [value, count] of Object.entries(values)) each.set({ [label]: value }, count)
  }
  const { calls, failures, sent, received } = status.hooks
  labelled('hook_calls', 'Calls of scheduler hooks since the start, by moment', 'moment', calls)
  labelled('hook_failures', 'Failures that hooks noted, counted since the start, by code', 'code', failures)
  labelled('orders_sent', 'Hosts that were told what they will need, by outcome', 'outcome', sent)
  labelled('orders_received', 'Orders of other nodes, by outcome', 'outcome', received)
  return registry.metrics()
}
