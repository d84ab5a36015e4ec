-- For wrk: sends prepared requests one after the other, each whole as it is in a file, with a zero byte between two.
-- What came of them is printed as one line of JSON.
local prepared, at = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for request in file:read("*a"):gmatch("([^%z]+)") do
    prepared[#prepared + 1] = request
  end
  file:close()
end

function request()
  at = at % #prepared + 1
  return prepared[at]
end

function done(summary, latency)
  local lost = summary.errors
  io.write(string.format(
    '{"answered": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f, "most": %f}\n',
    summary.requests, summary.duration / 1e6,
    lost.connect + lost.read + lost.write + lost.status + lost.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3
  ))
end
