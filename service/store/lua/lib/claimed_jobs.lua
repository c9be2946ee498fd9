-- A job as a claim reads it, and as the worker receives it.
-- Uses: jobs, traits, shared_payloads
-- What a claim needs to know besides the traits.
local READ = {
  state = true, version = true, created_at = true, token = true, queued_at = true, expires_at = true,
  deadline_at = true, started_at = true, unique = true, unique_until = true, expiry = true, linked = true,
  children_token = true, shared = true, callback = true,
}

-- The job with these fields, as read from `key`; nil if there are none.
local function read(key, fields)
  local text
  for i = 1, #fields, 2 do
    if fields[i] == 'traits' then
      text = fields[i + 1]
      break
    end
  end
  if not text then return nil end
  local job = jobs.of_traits(traits.of(text))
  job.key = key
  for i = 1, #fields, 2 do
    local name = fields[i]
    if READ[name] then job[name] = fields[i + 1] end
  end
  return job
end

-- The lease as one text, because an element of a reply costs more than its bytes: names and values, separated by a
-- control character that neither contains. The last value of a name counts: what the claim wrote follows what it read.
local function lease_of(id, job, fields, starts_in)
  local count = #fields
  fields[count + 1], fields[count + 2] = 'id', id
  if starts_in > 0 then fields[count + 3], fields[count + 4] = 'starts_in_us', starts_in end
  if job.shared then
    count = #fields
    fields[count + 1], fields[count + 2] = 'shared_payload', shared_payloads.of(job)
  end
  return table.concat(fields, '\30')
end

return {read = read, lease_of = lease_of}
