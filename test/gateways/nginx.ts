import { accessSync, constants, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { blocksOf } from '../docs/pages.ts'
import { reservePlace } from '../stores/place.ts'
import { launch } from '../stores/process.ts'

/**
 * nginx with the configuration of docs/gateways.md, on a loopback port and in a folder of its own. Throws where
 * nginx is not installed.
 * @returns its URL
 */
export async function startNginx(t: Test, ports: { latchkey: number; app: number }): Promise<string> {
  const place = await reservePlace()
  const documented = blocksOf('docs/gateways.md').find(({ language }) => language === 'nginx')?.code ?? ''
  const server = documented
    .replace('listen 80;', `listen 127.0.0.1:${String(place.port)};`)
    .replace('127.0.0.1:3000', `127.0.0.1:${String(ports.latchkey)}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${String(ports.app)}`)
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const file = join(place.folder, 'nginx.conf')
  writeFileSync(
    file,
    `daemon off;
master_process off;
pid ${place.folder}/nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  ${folders.map((name) => `${name}_temp_path ${place.folder}/${name};`).join('\n  ')}
  ${server}
}
`
  )
  const nginx = await launch(findNginx(), { args: ['-p', place.folder, '-e', 'stderr', '-c', file], place })
  t.teardown(async () => {
    await nginx.kill('SIGTERM')
    await place.remove()
  })
  const url = `http://127.0.0.1:${String(place.port)}`
  await nginx.ready(() => fetch(url))
  return url
}

function findNginx(): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  const found = folders.map((folder) => join(folder, 'nginx')).find(isExecutable)
  if (!found) throw new Error('The tests of gateways need nginx on the PATH: apt-get install nginx')
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
