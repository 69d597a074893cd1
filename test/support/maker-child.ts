/** A process that makes an image and says when its script has begun: node maker-child.ts TOP DIRECTORY. */
import { catalogOf, configOf, TINY } from './catalog.ts'
import { maker } from './making.ts'

const [top = '', directory = ''] = process.argv.slice(2)
const script = 'setsid sleep 3000 & echo begun; sleep 3000'
const one = maker(top, catalogOf(TINY), { directory })
const building = one.build(configOf({ class: 'tiny', script }))
const timer = setInterval(() => {
  if (!one.lines.includes('begun')) return
  clearInterval(timer)
  console.log('begun')
}, 20)
await building
