-- What happens when a job is submitted: the images that it names are checked, and handed over in the background. A job
-- is never refused or changed, but that references of its script are added to its comment, where the later hooks see
-- them. slurmctld holds its locks meanwhile, so nothing here waits and everything is bounded.

local IMAGES_MAX = 8
local NAME_LENGTH_MAX = 128
local SCRIPT_BYTES_MAX = 65536
-- slurmctld refuses a longer comment.
local COMMENT_BYTES_MAX = 1024
-- An image that was handed over is not handed over again for so long, by however many jobs it is named.
local AGAIN_SECONDS = 30
-- So many processes are begun at most in that time; beyond that the later hooks do the work.
local BEGUN_MAX = 60
-- Lines of the settings are short.
local SETTINGS_BYTES_MAX = 16384

local directory = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
local period, begun, handed = 0, 0, {}

-- NAME or NAME@BUILDER, as protocols/records/name.ts has it.
local function is_reference(text)
  local name, builder = text:match("^([^@]*)@(.*)$")
  name = name or text
  if #name > NAME_LENGTH_MAX or not name:match("^%w[%w._+-]*$") then return false end
  return builder == nil or (#builder <= 128 and builder:match("^[1-9A-HJ-NP-Za-km-z]+$") ~= nil)
end

local function gather(found, text)
  if not is_reference(text) then
    found.bad = found.bad + 1
  elseif not found.seen[text] and #found < IMAGES_MAX then
    found.seen[text] = true
    found[#found + 1] = text
  end
end

-- hotblock=NAME, among other things, in a comment, a constraint or a preference.
local function gather_tokens(found, text)
  for token in (text or ""):gmatch("[^%s,;&|()%[%]*\"']+") do
    local reference = token:match("^hotblock=(.*)$")
    if reference then gather(found, reference) end
  end
end

-- #HOTBLOCK image=NAME, a line in the script.
local function gather_lines(found, script)
  for line in (script or ""):sub(1, SCRIPT_BYTES_MAX):gmatch("[^\n]+") do
    for word in (line:match("^#HOTBLOCK(%s.*)$") or ""):gmatch("%S+") do
      local reference = word:match("^image=(.*)$")
      if reference then gather(found, reference) end
    end
  end
end

local function exists(path)
  local file = io.open(path, "r")
  if file then file:close() end
  return file ~= nil
end

local function is_off()
  local file = io.open(directory .. "/hotblock.conf", "r")
  if not file then return true end
  local text = file:read(SETTINGS_BYTES_MAX) or ""
  file:close()
  return exists(("\n" .. text):match("\nHOTBLOCK_OFF_FILE=([%w/._-]+)") or "/etc/hotblock/hooks-off")
end

-- Those that were not handed over a moment ago.
local function not_handed(found)
  local now = os.time()
  if now - period >= AGAIN_SECONDS or now < period then
    period, begun, handed = now, 0, {}
  end
  local some = {}
  for _, reference in ipairs(found) do
    if not handed[reference] then some[#some + 1] = reference end
  end
  return some
end

-- The command is always the same; what comes from a job goes through a pipe, which takes that much without waiting.
local function hand_over(references)
  if #references == 0 or begun >= BEGUN_MAX or not directory:match("^[%w/._-]+$") then return end
  begun = begun + 1
  local pipe = io.popen("exec setsid -f timeout -k 1 40 /bin/sh " .. directory .. "/submit.sh >/dev/null 2>&1", "w")
  if not pipe then return end
  for _, reference in ipairs(references) do
    handed[reference] = true
    pipe:write("#HOTBLOCK image=", reference, "\n")
  end
  pipe:close()
end

local function submitted(job_desc)
  if is_off() then return end
  local found = { bad = 0, seen = {} }
  gather_tokens(found, job_desc.comment)
  gather_tokens(found, job_desc.features)
  gather_tokens(found, job_desc.prefer)
  local known = #found
  gather_lines(found, job_desc.script)
  if found.bad > 0 then
    slurm.log_user("hotblock: %d of the image references are not well-formed and are ignored", found.bad)
  end
  local comment = job_desc.comment or ""
  for i = known + 1, #found do
    comment = comment .. (comment == "" and "" or ",") .. "hotblock=" .. found[i]
  end
  if known < #found and #comment < COMMENT_BYTES_MAX then job_desc.comment = comment end
  hand_over(not_handed(found))
end

return { submitted = submitted }
