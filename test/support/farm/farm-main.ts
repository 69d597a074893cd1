/** `hotblock`, as node/main.ts runs it, but for the maker and the reader of requests: those are the tests' own. */
import { registerWith } from '../../../builder/cli/farm.ts'
import { runCli } from '../../../node/cli/program.ts'
import { createMaker } from './maker.ts'
import { testRequests } from './requests.ts'

const status = await runCli(
  {
    argv: process.argv.slice(2),
    homeVariable: undefined,
    defaultHome: '/nonexistent',
    cwd: process.cwd(),
    debug: true,
    noColour: true,
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal(callback) {
      process.on('SIGINT', callback)
      process.on('SIGTERM', callback)
    },
    publisher: () => Promise.reject(new Error('not here')),
  },
  [
    {
      name: 'farm',
      summary: 'the farm',
      load: async () => registerWith(async () => ({ requests: testRequests(), maker: createMaker(3_000_000) })),
    },
  ],
)
process.exit(status)
