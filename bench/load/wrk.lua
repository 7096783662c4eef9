-- One thread of wrk. Options by environment, since wrk's own arguments go to every thread alike:
--   WRK_METHOD  the method; WRK_BODY_BYTES  length of the body that is sent
--   WRK_TOKENS  a file with one bearer token per line: each request takes the next, and the run ends with the last
--   WRK_BODY    a file with the body itself; its Content-Type is one of the headers
-- The last line it prints is one JSON object.

local tokens

function init(args)
  local method = os.getenv("WRK_METHOD") or "GET"
  local bytes = tonumber(os.getenv("WRK_BODY_BYTES") or "0")
  local body = bytes > 0 and string.rep("x", bytes) or nil
  local written = os.getenv("WRK_BODY")
  if written then
    local file = assert(io.open(written))
    body = file:read("*a")
    file:close()
  end
  wrk.method = method
  wrk.body = body
  local path = os.getenv("WRK_TOKENS")
  if path then
    -- Written once with a mark, cut at the mark: formatting each request anew would cost the generator too much.
    wrk.headers["Authorization"] = "Bearer @@@"
    local whole = wrk.format()
    local from, to = whole:find("@@@", 1, true)
    head, tail = whole:sub(1, from - 1), whole:sub(to + 1)
    tokens = io.lines(path)
  else
    fixed = wrk.format()
  end
end

function request()
  if not tokens then
    return fixed
  end
  local token = tokens()
  if not token then
    wrk.thread:stop()
    -- wrk asks for one more before it stops; the end of the file stays the end.
    tokens = function() return nil end
    return head .. "spent" .. tail
  end
  return head .. token .. tail
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"status":%d,"socket":%d,"p50":%.4f,"p99":%.4f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
