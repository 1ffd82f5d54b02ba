/** Threads of libuv's pool, which hash passwords, read files and look names up: https://docs.libuv.org/en/v1.x/threadpool.html */
export const poolSize = Number(process.env['UV_THREADPOOL_SIZE']) || 4
