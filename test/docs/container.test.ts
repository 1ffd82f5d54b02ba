// No container engine runs here; what can be told from the files alone.
import t from 'tap'
import { read } from './pages.ts'

t.test('the image is built from all that the build reads', async (t) => {
  const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] }
  const sent = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  const rooms = [...include, 'migrations', 'scripts'].filter((path) => !path.endsWith('.ts'))
  t.same(
    rooms.filter((room) => !sent.includes(room.split('/')[0] ?? '')),
    []
  )
  t.ok(sent.includes('*.ts'))
  t.notOk(sent.some((path) => path.startsWith('.')))
})

t.test('compose opens a port to this machine only, and holds no secret', async (t) => {
  const compose = read('docker-compose.yml')
  const published = [...compose.matchAll(/^ +- (?:'|")?([\w.:]+:\d+)(?:'|")?$/gm)].map(([, port]) => port)
  t.same(published, ['127.0.0.1:3000:3000'])
  const settings = [...compose.matchAll(/(\w*(?:SECRET|PASSWORD)\w*)[:=] *(\S+)/g)].map(
    ([, ...setting]) => setting
  )
  for (const [name = '', value = ''] of settings) t.match(value, /^(\/secrets\/|\$\$\(cat$)/, name)
})
