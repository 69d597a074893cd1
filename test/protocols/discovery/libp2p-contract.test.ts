import { test } from 'uvu'
import { startMesh, stopNodes } from '../../support/discovery-nodes.ts'
import { testDiscovery } from './contract.ts'

testDiscovery('over libp2p', 4, { start: startMesh, stop: stopNodes })

test.run()
