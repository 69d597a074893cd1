import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seedsOf } from '../../../node/decisions/seeds.ts'

const rack = (name: string, hosts: number): string[] => Array.from({ length: hosts }, (_, i) => `${name}n${i + 1}`)
const images = (count: number): string[] => Array.from({ length: count }, (_, i) => `image-${i}`)

test('one host of each rack, none of an empty one, each once', () => {
  assert.equal(seedsOf('a', []), [])
  assert.equal(seedsOf('a', [[], ['r1n1'], []]), ['r1n1'])
  assert.equal(seedsOf('a', [['n1'], ['n1']]), ['n1'])
  const racks = [rack('r1', 40), rack('r2', 3), rack('r3', 1)]
  for (const image of images(50)) {
    const seeds = seedsOf(image, racks)
    assert.equal(
      seeds.map((host, i) => racks[i]!.includes(host)),
      [true, true, true],
    )
  }
})

test('the order of a rack does not count, and racks do not change one another', () => {
  const [first, second] = [rack('r1', 40), rack('r2', 40)]
  for (const image of images(50)) {
    const seeds = seedsOf(image, [first, second])
    assert.equal(seedsOf(image, [[...first].reverse(), second]), seeds)
    assert.equal(seedsOf(image, [second]), seeds.slice(1))
  }
})

test('images are spread over the hosts of a rack, and over those of the next in another way', () => {
  const counts = new Map<string, number>()
  let same = 0
  for (const image of images(4000)) {
    const [one, two] = seedsOf(image, [rack('r1', 40), rack('r2', 40)])
    counts.set(one!, (counts.get(one!) ?? 0) + 1)
    if (one!.slice(2) === two!.slice(2)) same++
  }
  // 100 each on average; a fair die stays within five times its deviation of 10.
  assert.is(counts.size, 40)
  for (const [host, count] of counts) assert.ok(count > 50 && count < 150, `${host}: ${count}`)
  assert.ok(same > 50 && same < 150, `${same}`)
})

test('a host that goes moves only its own images, and one that comes takes only its share', () => {
  const hosts = rack('r1', 20)
  let taken = 0
  for (const image of images(2000)) {
    const [seed] = seedsOf(image, [hosts])
    const [without] = seedsOf(image, [hosts.filter((host) => host !== 'r1n7')])
    if (seed !== 'r1n7') assert.is(without, seed)
    const [more] = seedsOf(image, [[...hosts, 'r1n21']])
    if (more !== seed) {
      assert.is(more, 'r1n21')
      taken++
    }
  }
  assert.ok(taken > 45 && taken < 145, `${taken}`)
})

test.run()
