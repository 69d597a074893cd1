import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter } from '@libp2p/interface'

const NOISE_PROTOCOL = '/noise'

/** Noise, loaded when the first connection wants it: where all peers know TLS, a daemon is 5 MB smaller without. */
export function lateNoise(): (components: NoiseComponents) => ConnectionEncrypter {
  return (components) => {
    let loading: Promise<ConnectionEncrypter> | undefined
    const load = (): Promise<ConnectionEncrypter> => {
      loading ??= import('@chainsafe/libp2p-noise').then(({ noise }) => noise()(components))
      return loading
    }
    return {
      protocol: NOISE_PROTOCOL,
      secureOutbound: async (connection, options) => (await load()).secureOutbound(connection, options),
      secureInbound: async (connection, options) => (await load()).secureInbound(connection, options),
    }
  }
}
