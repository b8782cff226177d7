-- Load for wrk: the same POST for people drawn from a file of NHS numbers, one a line, already shuffled.
-- Arguments after "--": the file, "uniform" or "walk", a seed. Uniform draws with replacement; walk asks for each
-- person once, in the order of the file, and starts again at its end. The token comes from the environment, so that
-- it is on no command line. The last line of the output is one JSON object; times are in microseconds.

local PLACEHOLDER = "0000000000"
local numbers, head, tail, walks, position = {}, "", "", false, 0

function init(args)
  for line in io.lines(args[1]) do
    numbers[#numbers + 1] = line
  end
  walks = args[2] == "walk"
  math.randomseed(tonumber(args[3]))
  local body = '{"resourceType":"Parameters","parameter":[{"name":"nhsNumber","valueString":"' .. PLACEHOLDER .. '"}]}'
  local headers = {
    ["Content-Type"] = "application/fhir+json",
    ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN"),
  }
  local request = wrk.format("POST", wrk.path, headers, body)
  local first, last = request:find(PLACEHOLDER, 1, true)
  head, tail = request:sub(1, first - 1), request:sub(last + 1)
end

function request()
  if walks then
    position = position % #numbers + 1
  else
    position = math.random(#numbers)
  end
  return head .. numbers[position] .. tail
end

function done(summary, latency, requests)
  local failed = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,' ..
    '"failed":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    failed.connect, failed.read, failed.write, failed.status, failed.timeout))
end
