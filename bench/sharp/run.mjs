// Answers every line "round" on stdin with one line of JSON about one round over the photos of a folder,
// and "write DIR" by writing what it makes of them there. One core: the caller pins the process.
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import sharp from 'sharp'

sharp.concurrency(1)
sharp.cache(false)

const folder = process.argv[2]
const names = fs.readdirSync(folder).sort()
const photos = names.map(name => fs.readFileSync(path.join(folder, name)))
const squareWebp = photo => sharp(photo).rotate().resize(400, 400, { fit: 'cover' }).webp({ quality: 80 }).toBuffer()

async function round () {
  const start = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  let bytes = 0
  for (const photo of photos) bytes += (await squareWebp(photo)).length
  const used = process.cpuUsage(cpu)
  return {
    seconds: Number(process.hrtime.bigint() - start) / 1e9,
    cpu_seconds: (used.user + used.system) / 1e6,
    bytes
  }
}

console.log(JSON.stringify({ version: sharp.versions.sharp }))
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [command, target] = line.split(' ')
  if (command === 'write') {
    for (const [index, name] of names.entries()) {
      fs.writeFileSync(path.join(target, name), await squareWebp(photos[index]))
    }
    console.log('{}')
  } else {
    console.log(JSON.stringify(await round()))
  }
}
