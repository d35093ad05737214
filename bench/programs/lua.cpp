// SPDX-License-Identifier: MIT
//
// The Lua interpreter runs a script: trees, objects, closures, strings, a sieve in tables, sorting.

#include "program.hpp"

extern "C" {
#include "lauxlib.h"
#include "lualib.h"
}

namespace {

constexpr const char* kScript = R"lua(
local scale = ...
local sum = 0
local function add(n) sum = (sum * 31 + n) % 4294967291 end

local function tree(depth)
  if depth == 0 then return {} end
  return { tree(depth - 1), tree(depth - 1) }
end
local function count(t) if t[1] then return 1 + count(t[1]) + count(t[2]) end return 1 end

local Account = {}
Account.__index = Account
function Account.new(name) return setmetatable({ name = name, entries = {}, balance = 0 }, Account) end
function Account:post(amount, text)
  self.balance = self.balance + amount
  self.entries[#self.entries + 1] = { amount = amount, text = text }
end

local state = 42
local function random(n) state = (state * 1103515245 + 12345) % 2147483648 return state % n end

for round = 1, scale do
  add(count(tree(10)))
  local accounts = {}
  for i = 1, 50 do accounts[i] = Account.new("account " .. i) end
  for i = 1, 2000 do accounts[random(50) + 1]:post(random(1000) - 500, "entry " .. i .. " of " .. round) end
  table.sort(accounts, function(a, b)
    if a.balance ~= b.balance then return a.balance < b.balance end
    return a.name < b.name
  end)
  for _, account in ipairs(accounts) do add(account.balance + 100000) add(#account.entries) end
  local lines = {}
  for i = 1, 300 do lines[i] = string.format("%05d;%s;%x", random(99999), ("x"):rep(random(40)), i) end
  local text = table.concat(lines, "\n")
  for number, pad in text:gmatch("(%d+);(x*)") do add(tonumber(number)) add(#pad) end
  add(#text:gsub("x+", function(run) return #run .. "," end))
  local steps = {}
  for i = 1, 500 do local previous = steps[i - 1] steps[i] = function(n) return previous and i % 7 ~= 0 and previous(n) + 1 or n end end
  add(steps[500](round))
  local words = {}
  for i = 1, 1500 do local word = "w" .. random(700) words[word] = (words[word] or 0) + 1 end
  local keys = {}
  for word in pairs(words) do keys[#keys + 1] = word end
  table.sort(keys)
  for _, word in ipairs(keys) do add(words[word]) end
end
return sum
)lua";

}  // namespace

std::uint32_t run_program(std::uint32_t scale) {
  using lite_alloc::bench::require;
  lua_State* const state = luaL_newstate();
  require(state != nullptr);
  luaL_openlibs(state);
  require(luaL_loadstring(state, kScript) == LUA_OK);
  lua_pushinteger(state, scale);
  require(lua_pcall(state, 1, 1, 0) == LUA_OK);
  const auto sum = static_cast<std::uint32_t>(lua_tointeger(state, -1));
  lua_close(state);
  return sum;
}
