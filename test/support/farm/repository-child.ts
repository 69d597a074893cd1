/**
 * A process that changes a repository and dies with kill -9 at a step.
 *
 *     node repository-child.ts DIRECTORY STEP add|replace|remove
 */
import { join } from 'node:path'
import { openRepository } from '../../../builder/repository/repository.ts'
import { silentLog } from '../../../protocols/ports.ts'
import { ENTRY } from './entry.ts'

const [directory = '', at = '', what = ''] = process.argv.slice(2)
let armed = false
const repository = await openRepository({
  directory: join(directory, 'repository'),
  imagePath: () => '/some/image',
  removeImage: async () => {},
  log: silentLog,
  step(name) {
    if (armed && name === at) process.kill(process.pid, 'SIGKILL')
  },
})
const beside = { 'config.xml': { data: '<image/>' }, 'sbom.cdx.json': { data: '{}' } }
if (what !== 'add') await repository.add(ENTRY, beside)
armed = true
if (what === 'remove') await repository.remove(ENTRY.key)
else await repository.add({ ...ENTRY, name: 'newer' }, beside)
process.stdout.write('went through\n')
