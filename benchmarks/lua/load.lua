-- Requests for wrk, each with a body of its own.
-- Arguments: what, file of API keys (one a line), name of this run, number of items, expected status (0: wrk's own count).
local threads = {}
local keys = {}
local count = 0
local what, run, items
unexpected = 0
answered = 0

function setup(thread)
  table.insert(threads, thread)
  thread:set("id", #threads)
end

local function sku()
  return string.format("B%06d", math.random(1, items))
end

local function reference()
  return string.format("%s-%d-%d", run, id, count)
end

local moment = os.date("!%Y-%m-%dT%H:%M:%SZ")

local kinds = {
  noop = {"POST", "/noop", function()
    return string.format('{"lines":[{"sku":"%s","quantity":1,"total_price":"9.90"}],"sale_time":"%s","reference":"%s"}',
      sku(), moment, reference())
  end},
  ["hub-sale"] = {"POST", "/api/sales/", function()
    return string.format('{"lines":[{"sku":"%s","quantity":1,"total_price":"9.90"}],"sale_time":"%s","reference":"%s"}',
      sku(), moment, reference())
  end},
  ["django-sale"] = {"POST", "/api/sales/", function()
    return string.format('{"sku":"%s","quantity":1,"total_price":"9.90","sale_time":"%s","reference":"%s"}',
      sku(), moment, reference())
  end},
  create = {"POST", "/api/inventory/", function()
    return string.format('{"sku":"%s","name":"Paracetamol 500 mg, 20 tablets","quantity":10,"price":"3.90"}', reference())
  end},
  ["hub-list"] = {"GET", "/api/inventory/?limit=50"},
  ["django-list"] = {"GET", "/api/inventory/?page=1"},
}
kinds["hub-waited-sale"] = kinds["hub-sale"]

local function count_unexpected(expected)
  return function(status)
    answered = answered + 1
    if status ~= expected then unexpected = unexpected + 1 end
  end
end

function init(args)
  what, run, items = args[1], args[3], tonumber(args[4])
  for line in io.lines(args[2]) do table.insert(keys, line) end
  -- wrk itself counts answers from 400 on; with a callback each answer costs more, so only where the exact status matters.
  local expected = tonumber(args[5])
  if expected > 0 then response = count_unexpected(expected) end
  math.randomseed(os.time() + id)
end

function request()
  count = count + 1
  local kind = kinds[what]
  local headers = {["X-API-KEY"] = keys[count % #keys + 1]}
  local body
  if kind[3] then
    headers["Content-Type"] = "application/json"
    body = kind[3]()
  end
  if what == "hub-waited-sale" then headers["Prefer"] = "wait=5" end
  return wrk.format(kind[1], kind[2], headers, body)
end

function done(summary, latency)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("unexpected") end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"microseconds":%d,"bad_status":%d,"unexpected":%d,"socket_errors":%d,"timeouts":%d,' ..
    '"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}\n',
    summary.requests, summary.duration, e.status, wrong, e.connect + e.read + e.write, e.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
