// Runs the JavaScript sample of docs/webhooks.md: arguments are the sample, jose, and a file of what is to be verified.
// Prints one JSON list: the event, or the reason why it was refused, for each.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [sample, jose, cases] = process.argv.slice(2)
const { createLocalJWKSet } = await import(pathToFileURL(jose))
const { verified } = await import(pathToFileURL(sample))
const results = []
for (const one of JSON.parse(readFileSync(cases, 'utf8'))) {
  try {
    const body = Buffer.from(one.body, 'base64')
    results.push({ event: await verified(body, one.signature, createLocalJWKSet(one.keys), one.address, one.now) })
  } catch (error) {
    results.push({ refused: error.code ?? error.message })
  }
}
console.log(JSON.stringify(results))
