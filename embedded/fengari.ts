type State = object

/** What is used of fengari, a Lua in JavaScript: the C API of Lua 5.3, function for function. */
export interface Fengari {
  to_luastring: (text: string) => Uint8Array
  lualib: { luaL_openlibs: (state: State) => void }
  lauxlib: {
    luaL_newstate: () => State
    luaL_loadstring: (state: State, source: Uint8Array) => number
    luaL_ref: (state: State, table: number) => number
  }
  lua: {
    readonly LUA_REGISTRYINDEX: number
    readonly LUA_TNIL: number
    readonly LUA_TBOOLEAN: number
    readonly LUA_TNUMBER: number
    readonly LUA_TSTRING: number
    readonly LUA_TTABLE: number
    lua_createtable: (state: State, items: number, fields: number) => void
    lua_error: (state: State) => never
    lua_getfield: (state: State, index: number, key: Uint8Array) => number
    lua_gettop: (state: State) => number
    lua_pcall: (state: State, args: number, results: number, handler: number) => number
    lua_pop: (state: State, count: number) => void
    lua_pushboolean: (state: State, value: boolean) => void
    lua_pushjsfunction: (state: State, value: () => number) => void
    lua_pushnumber: (state: State, value: number) => void
    lua_pushstring: (state: State, value: Uint8Array) => void
    lua_rawgeti: (state: State, index: number, key: number) => number
    lua_rawseti: (state: State, index: number, key: number) => void
    lua_setfield: (state: State, index: number, key: Uint8Array) => void
    lua_setglobal: (state: State, name: Uint8Array) => void
    lua_settop: (state: State, top: number) => void
    lua_toboolean: (state: State, index: number) => boolean
    lua_tojsstring: (state: State, index: number) => string
    lua_tonumber: (state: State, index: number) => number
    lua_type: (state: State, index: number) => number
  }
}

/** Lua 5.3 prints a whole double as "5.0", Redis's 5.1 as "5": this setting, read as it loads, is for 5.1's. */
export function loadFengari(require: NodeJS.Require): Fengari {
  const before = process.env['FENGARICONF']
  process.env['FENGARICONF'] = JSON.stringify({ LUA_COMPAT_FLOATSTRING: true })
  try {
    return require('fengari') as Fengari
  } finally {
    if (before === undefined) delete process.env['FENGARICONF']
    else process.env['FENGARICONF'] = before
  }
}
