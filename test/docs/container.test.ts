// No container engine runs here; what can be told from the files alone.
import t from 'tap'
import { read } from './pages.ts'

t.test('the image is built from all that the build reads', async (t) => {
  const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] }
  const sent = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  const rooms = [...include, 'migrations', 'mail', 'confirm', 'scripts'].filter(
    (path) => !path.endsWith('.ts')
  )
  t.same(
    rooms.filter((room) => !sent.includes(room.split('/')[0] ?? '')),
    []
  )
  t.ok(sent.includes('*.ts'))
  t.notOk(sent.some((path) => path.startsWith('.')))
})

t.test('the image brings argon2 for processors with AVX2 to where it is looked for', async (t) => {
  const [build = '', image = ''] = read('Dockerfile')
    .split(/^FROM .*$/m)
    .slice(1)
  const [, folder] = /join\(home, '(.*)'\)/.exec(read('argon2/index.ts')) ?? []
  t.ok(folder)
  t.match(build, `RUN npm run --silent tune && mkdir -p node_modules/argon2/${String(folder)}\n`)
  t.match(
    image.slice(image.indexOf('npm ci')),
    `COPY --from=build /app/node_modules/argon2/${String(folder)} ./node_modules/argon2/${String(folder)}\n`,
    'after the packages, which would replace it'
  )
})

t.test('compose opens ports to this machine only, and holds no secret', async (t) => {
  const compose = read('docker-compose.yml')
  const published = [...compose.matchAll(/^ +- (?:'|")?([\w.:]+:\d+)(?:'|")?$/gm)].map(([, port]) => port)
  t.same(published, ['127.0.0.1:3000:3000', '127.0.0.1:8025:8025'])
  const settings = [...compose.matchAll(/(\w*(?:SECRET|PASSWORD)\w*)[:=] *(\S+)/g)].map(
    ([, ...setting]) => setting
  )
  for (const [name = '', value = ''] of settings) t.match(value, /^(\/secrets\/|\$\$\(cat$)/, name)
})
