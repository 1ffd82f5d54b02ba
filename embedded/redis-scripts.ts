import type { Fengari } from './fengari.ts'

/** A command of Redis that runs at once and answers with its result. */
export type Command = (...args: string[]) => unknown

export type ScriptRunner = (script: string, keys: string[], args: string[]) => unknown

/** Redis's Lua is 5.1, whose numbers are all doubles; fengari's is 5.3, whose integers overflow past 2^31. */
const prelude = `
local parse = tonumber
function tonumber(...)
  local number = parse(...)
  return number and number + 0.0
end
unpack = table.unpack
function redis.error_reply(message) return { err = message } end
function redis.status_reply(message) return { ok = message } end`

/**
 * Runs scripts as Redis does: values are converted both ways by its rules, and numbers are those of its Lua,
 * except where a script computes past 2^31 with nothing but literals. cjson, cmsgpack, struct and bit are
 * not there.
 * @see https://redis.io/docs/latest/develop/programmability/lua-api/#data-type-conversion
 */
export function scriptRunner(
  { lua, lauxlib, lualib, to_luastring }: Fengari,
  commands: Readonly<Record<string, Command>>
): ScriptRunner {
  const state = lauxlib.luaL_newstate()
  const compiled = new Map<string, number>()

  lualib.luaL_openlibs(state)
  lua.lua_createtable(state, 0, 4)
  define('call', (message) => {
    push(message)
    return lua.lua_error(state)
  })
  define('pcall', (message) => {
    lua.lua_createtable(state, 0, 1)
    push(message)
    lua.lua_setfield(state, -2, to_luastring('err'))
    return 1
  })
  lua.lua_setglobal(state, to_luastring('redis'))
  run(prelude, [], [])
  return run

  function run(script: string, keys: string[], args: string[]): unknown {
    try {
      push(keys)
      lua.lua_setglobal(state, to_luastring('KEYS'))
      push(args)
      lua.lua_setglobal(state, to_luastring('ARGV'))
      lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, compile(script))
      if (lua.lua_pcall(state, 0, 1, 0) !== 0) throw new Error(String(pop()))
      return pop()
    } finally {
      lua.lua_settop(state, 0)
    }
  }

  function compile(script: string): number {
    const known = compiled.get(script)
    if (known !== undefined) return known
    if (lauxlib.luaL_loadstring(state, to_luastring(script)) !== 0) throw new Error(String(pop()))
    const reference = lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX)
    compiled.set(script, reference)
    return reference
  }

  function define(name: string, onError: (message: string) => number): void {
    lua.lua_pushjsfunction(state, () => {
      const [command = '', ...args] = Array.from({ length: lua.lua_gettop(state) }, (_, index) =>
        textAt(index + 1)
      )
      let result: unknown
      try {
        const execute = commands[command.toLowerCase()]
        if (!execute) throw new Error(`ERR Unknown Redis command called from script: ${command}`)
        result = execute(...args)
      } catch (error) {
        return onError((error as Error).message)
      }
      push(result)
      return 1
    })
    lua.lua_setfield(state, -2, to_luastring(name))
  }

  function textAt(index: number): string {
    const isNumber = lua.lua_type(state, index) === lua.LUA_TNUMBER
    return isNumber ? String(lua.lua_tonumber(state, index)) : lua.lua_tojsstring(state, index)
  }

  function push(value: unknown): void {
    if (value === null || value === undefined) lua.lua_pushboolean(state, false)
    else if (typeof value === 'number') lua.lua_pushnumber(state, value)
    else if (typeof value === 'string' || Buffer.isBuffer(value))
      lua.lua_pushstring(state, to_luastring(value.toString()))
    else {
      const items = Array.isArray(value) ? (value as unknown[]) : Object.entries(value).flat()
      lua.lua_createtable(state, items.length, 0)
      for (const [index, item] of items.entries()) {
        push(item)
        lua.lua_rawseti(state, -2, index + 1)
      }
    }
  }

  /** Takes the topmost value off the stack. */
  function pop(): unknown {
    try {
      const type = lua.lua_type(state, -1)
      if (type === lua.LUA_TNUMBER) return Math.trunc(lua.lua_tonumber(state, -1))
      if (type === lua.LUA_TSTRING) return lua.lua_tojsstring(state, -1)
      if (type === lua.LUA_TBOOLEAN) return lua.lua_toboolean(state, -1) ? 1 : null
      return type === lua.LUA_TTABLE ? tableOnTop() : null
    } finally {
      lua.lua_pop(state, 1)
    }
  }

  function tableOnTop(): unknown {
    const [error, status] = ['err', 'ok'].map((name) => {
      lua.lua_getfield(state, -1, to_luastring(name))
      return pop()
    })
    if (typeof error === 'string') throw new Error(error)
    if (typeof status === 'string') return status

    // An array ends where its first nil stands.
    const items: unknown[] = []
    while (lua.lua_rawgeti(state, -1, items.length + 1) !== lua.LUA_TNIL) items.push(pop())
    lua.lua_pop(state, 1)
    return items
  }
}
